import type { ReceivedMessage, TransactionBinding } from '../../client/index.js';
import type { MessageConverter } from '../payload/index.js';
import type { LocalTransaction } from './transaction-listener.decorator.js';
import { TransactionMessage } from './transaction-message.js';

/** The class behind a transaction as the client calls it: payloads decoded as for a listener. */
export function bindingOf(listener: LocalTransaction, converter: MessageConverter): TransactionBinding {
  const view = (message: ReceivedMessage): TransactionMessage =>
    new TransactionMessage(message, converter.decode(message.body, message.contentType, undefined));
  return {
    execute: (message, arg) => listener.execute(view(message), arg),
    check: (message) => listener.check(view(message)),
  };
}
