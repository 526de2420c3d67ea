import type { OnApplicationShutdown } from '@nestjs/common';
import type { ReceivedMessage } from 'nestmq';
import { Journal } from '../storage/journal.js';
import { LedgerSummary } from './ledger-summary.js';
import type { LedgerEntry, LedgerRecord } from './ledger.entry.js';

/**
 * The shop's books: a durable list of facts, each under its own key. Messages come at least once; a fact comes into
 * the books once. What `book` has resolved for survives a kill -9.
 */
export class Ledger implements OnApplicationShutdown {
  readonly summary = new LedgerSummary();
  /** Messages that came again and brought nothing new. */
  redeliveries = 0;
  /** Second calls of `book` in one call of a listener: a mistake in the listener, not a redelivery. */
  bookedTwice = 0;
  private readonly keys = new Set<string>();
  private readonly delivered = new WeakSet<object>();
  private journal!: Journal<LedgerRecord>;

  static async open(path: string): Promise<Ledger> {
    const ledger = new Ledger();
    ledger.journal = await Journal.open<LedgerRecord>(path, (record) => ledger.apply(record));
    return ledger;
  }

  /**
   * Books what is new among the entries and resolves when it is on the disk.
   *
   * @param message What the listener was called with: every delivery brings an object of its own.
   */
  async book(message: Pick<ReceivedMessage, 'messageId'>, entries: readonly LedgerEntry[]): Promise<void> {
    if (this.delivered.has(message)) this.bookedTwice++;
    this.delivered.add(message);
    const fresh = entries.filter(({ key }) => !this.keys.has(key));
    const records: LedgerRecord[] = fresh.length > 0 ? fresh : [{ kind: 'again', key: message.messageId }];
    for (const record of records) this.apply(record);
    await this.journal.append(...records);
  }

  /** Runs after the listeners have ended, so nothing is booked any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.journal.close();
  }

  private apply(record: LedgerRecord): void {
    if (record.kind === 'again') this.redeliveries++;
    else {
      this.keys.add(record.key);
      this.summary.add(record);
    }
  }
}
