import type { TransactionState } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { TransactionMessage } from './transaction-message.js';

/**
 * What a class with `@TransactionListener` implements.
 *
 * @publicApi
 */
export interface LocalTransaction<T = unknown, A = unknown> {
  /**
   * The local transaction. COMMIT gives the message to its consumers, ROLLBACK drops it, UNKNOWN leaves that to `check`.
   * To throw is to leave it to `check` as well: the transaction may have happened.
   */
  execute(message: TransactionMessage<T>, arg: A): TransactionState | Promise<TransactionState>;
  /**
   * Whether the local transaction happened. Asked when the outcome did not arrive, perhaps in another process: look it up
   * where `execute` has left it.
   */
  check(message: TransactionMessage<T>): TransactionState | Promise<TransactionState>;
}

/** @publicApi */
export interface TransactionListenerOptions {
  /** Default: `default`. */
  connection?: string;
}

export interface TransactionListenerMetadata extends TransactionListenerOptions {
  readonly name: string;
}

const TRANSACTION = 'nestmq:transaction';

/**
 * Makes a provider the local transaction of this name: what `template.transaction(…, name)` executes and brokers check.
 * The producer group is `<application>-<name>`.
 *
 * @publicApi
 */
export function TransactionListener(name: string, options: TransactionListenerOptions = {}): ClassDecorator {
  return (target) => {
    if (Reflect.hasOwnMetadata(TRANSACTION, target)) {
      throw new MessagingError(
        'CONFIGURATION',
        `@TransactionListener on ${target.name}: a class is one local transaction; put the other one into a class of its own`,
      );
    }
    Reflect.defineMetadata(TRANSACTION, { ...options, name } satisfies TransactionListenerMetadata, target);
  };
}

export function transactionOf(target: object): TransactionListenerMetadata | undefined {
  return Reflect.getOwnMetadata(TRANSACTION, target) as TransactionListenerMetadata | undefined;
}
