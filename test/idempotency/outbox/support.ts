import sqlite from 'node-sqlite3-wasm';
import type { OutgoingMessage, SendOptions, SendResult } from '../../../lib/client/index.js';
import { outboxSchema, type SqlAdapter, type SqlQuery, type SqlValue } from '../../../lib/idempotency/index.js';
import { questionMarks } from '../../../lib/idempotency/sql/question-marks.js';
import { MessagingError } from '../../../lib/protocol/index.js';

/** A database in memory with the outbox's tables. One connection, so transactions come one after the other. */
export class TestDatabase implements SqlAdapter<TestTransaction> {
  readonly dialect = 'sqlite';
  /** Every statement fails with it while it is set. */
  down: Error | undefined;
  private readonly database = new sqlite.Database(':memory:');
  private last: Promise<unknown> = Promise.resolve();

  constructor() {
    for (const statement of outboxSchema('sqlite')) this.database.run(statement);
  }

  readonly query: SqlQuery = (text, values) => this.alone(async () => this.run(text, values));

  transaction<T>(work: (transaction: TestTransaction) => Promise<T>): Promise<T> {
    return this.alone(async () => {
      this.run('BEGIN IMMEDIATE', []);
      try {
        const value = await work(this.database);
        this.run('COMMIT', []);
        return value;
      } catch (error) {
        this.database.run('ROLLBACK');
        throw error;
      }
    });
  }

  within(): SqlQuery {
    return async (text, values) => this.run(text, values);
  }

  rows(text: string): Record<string, unknown>[] {
    return this.database.all(text) as Record<string, unknown>[];
  }

  close(): void {
    this.database.close();
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work);
    this.last = mine.catch(() => undefined);
    return mine;
  }

  private run(text: string, values: readonly SqlValue[]): Awaited<ReturnType<SqlQuery>> {
    if (this.down !== undefined) throw this.down;
    const bound = values as (string | number | Buffer | null)[];
    if (/^\s*SELECT/.test(text)) return { rows: this.database.all(questionMarks(text), bound), affected: 0 };
    return { rows: [], affected: this.database.run(questionMarks(text), bound).changes };
  }
}

export type TestTransaction = unknown;

/** Keeps what it is sent, and fails as it is told. */
export class FakeProducer {
  readonly sent: OutgoingMessage[] = [];
  readonly attempts: OutgoingMessage[] = [];
  /** What to fail a message with; undefined: it is sent. */
  failure: (message: OutgoingMessage) => MessagingError | undefined = () => undefined;
  /** Topics that de-duplicate. Others refuse an id, unless the broker is Apache's. */
  deduplicating: readonly string[] = [];
  apache = false;
  /** Sends wait here. */
  hold: Promise<void> | undefined;

  async send(message: OutgoingMessage, _options?: SendOptions): Promise<SendResult> {
    this.attempts.push(message);
    await this.hold;
    const failure = this.failure(message);
    if (failure !== undefined) throw failure;
    const deduplicates = this.deduplicating.includes(message.topic);
    if (message.dedupId !== undefined && !deduplicates && !this.apache) {
      throw new MessagingError('PROPERTIES_INVALID', `the topic ${message.topic} does not de-duplicate`);
    }
    const known = deduplicates && this.sent.some(({ dedupId }) => dedupId === message.dedupId);
    if (!known) this.sent.push(message);
    return { duplicate: deduplicates ? false : undefined, messageId: message.messageId } as SendResult;
  }

  bodies(): string[] {
    return this.sent.map(({ body }) => body.toString());
  }
}

export function message(body: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { topic: 'orders', body: Buffer.from(body), ...more };
}
