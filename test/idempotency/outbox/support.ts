import sqlite from 'node-sqlite3-wasm';
import type { OutgoingMessage, SendOptions, SendResult } from '../../../lib/client/index.js';
import { schema, type SqlAdapter, type SqlQuery } from '../../../lib/idempotency/index.js';
import { sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { MessagingError } from '../../../lib/protocol/index.js';

/** A database in memory with the outbox's tables. */
export class TestDatabase implements SqlAdapter<TestTransaction> {
  readonly dialect = 'sqlite';
  /** Every statement fails with it while it is set. */
  down: Error | undefined;
  private readonly database = new sqlite.Database(':memory:');
  private readonly adapter = sqliteAdapter(this.database);

  constructor() {
    for (const statement of schema('sqlite')) this.database.exec(statement);
  }

  readonly query: SqlQuery = async (text, values) => {
    if (this.down !== undefined) throw this.down;
    return this.adapter.query(text, values);
  };

  async transaction<T>(work: (transaction: TestTransaction) => Promise<T>): Promise<T> {
    if (this.down !== undefined) throw this.down;
    return this.adapter.transaction(work);
  }

  within(transaction: TestTransaction): SqlQuery {
    return this.adapter.within(transaction);
  }

  rows(text: string): Record<string, unknown>[] {
    return this.database.all(text) as Record<string, unknown>[];
  }

  close(): void {
    this.database.close();
  }
}

export type TestTransaction = InstanceType<typeof sqlite.Database>;

/** Keeps what it is sent, and fails as it is told. */
export class FakeProducer {
  readonly sent: OutgoingMessage[] = [];
  readonly attempts: OutgoingMessage[] = [];
  /** What to fail a message with; undefined: it is sent. */
  failure: (message: OutgoingMessage) => MessagingError | undefined = () => undefined;
  /** Topics that de-duplicate. Others refuse an id, unless the broker is Apache's. */
  deduplicating: readonly string[] = [];
  apache = false;
  /** The sizes of batches. */
  readonly batches: number[] = [];
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

  async sendBatch(messages: readonly OutgoingMessage[]): Promise<SendResult> {
    this.batches.push(messages.length);
    await this.hold;
    this.attempts.push(...messages);
    const failure = messages.map((message) => this.failure(message)).find((found) => found !== undefined);
    if (failure !== undefined) throw failure;
    this.sent.push(...messages);
    return {} as SendResult;
  }

  bodies(): string[] {
    return this.sent.map(({ body }) => body.toString());
  }
}

export function message(body: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { topic: 'orders', body: Buffer.from(body), ...more };
}
