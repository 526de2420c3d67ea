import type { Type } from '@nestjs/common';
import {
  type LocalTransaction,
  TransactionListener,
  type TransactionMessage,
  TransactionState,
} from '../../lib/index.js';

const { COMMIT } = TransactionState;

/** A local transaction that answers as it is told and remembers what it was asked. */
export class Ledger {
  readonly executed: { message: TransactionMessage; arg: unknown }[] = [];
  readonly checked: TransactionMessage[] = [];
  readonly listenerClass: Type;

  constructor(
    name: string,
    public execute: (message: TransactionMessage, arg: unknown) => unknown = () => COMMIT,
    public check: (message: TransactionMessage) => unknown = () => COMMIT,
  ) {
    const { executed, checked } = this;
    const answer = (how: 'execute' | 'check', ...args: [TransactionMessage, unknown?]): TransactionState =>
      this[how](...(args as [TransactionMessage, unknown])) as TransactionState;
    class LedgerTransaction implements LocalTransaction {
      execute(message: TransactionMessage, arg: unknown): TransactionState {
        executed.push({ message, arg });
        return answer('execute', message, arg);
      }
      check(message: TransactionMessage): TransactionState {
        checked.push(message);
        return answer('check', message);
      }
    }
    TransactionListener(name)(LedgerTransaction);
    this.listenerClass = LedgerTransaction;
  }
}
