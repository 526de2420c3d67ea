import { randomInt } from 'node:crypto';
import type { OutgoingMessage } from '../../client/index.js';
import { createUniqueIdFactory, type Duration, durationMillis, MessagingError } from '../../protocol/index.js';
import { createPurge } from '../sql/purge/create-purge.js';
import type { PurgeOptions } from '../sql/purge/purge-options.js';
import type { Purge, PurgeCounts } from '../sql/purge/purge.js';
import type { SqlAdapter, SqlQuery } from '../sql/sql-adapter.js';
import type { RunningStore, StoreHost } from '../store-life.js';
import { laneOf } from './lane-of.js';
import { decodeRow, encodeHeaders, type OutboxRow } from './outbox-row.js';
import { OutboxStatements, type Statement, type WrittenRow } from './outbox-statements.js';

export const OUTBOX_CHANNEL = 'nestmq_outbox';

/** Of one INSERT: each number of rows is another statement, and MySQL takes as many bytes as `max_allowed_packet` says, 16 MiB and more. */
const ROWS_PER_INSERT = 100;
const BYTES_PER_INSERT = 4 * 1024 * 1024;
/** Of one round of a relay, beyond its last row. */
const BYTES_PER_CLAIM = 8 * 1024 * 1024;
const ERROR_CHARACTERS = 1000;

/** @publicApi */
export interface SqlOutboxOptions {
  /**
   * PostgreSQL: whether writing wakes the relays by `NOTIFY`. PostgreSQL commits transactions with notifications one after
   * the other; where that is too slow, `false` leaves it to the polls. Default: true.
   */
  notify?: boolean;
  /** How long rows stay that were sent, for people to look at. Default: 1 day. */
  keepSent?: Duration;
  /**
   * How they are deleted then, by one of the processes with a relay. False: not at all, because something else does it.
   * Default: each minute.
   */
  purge?: PurgeOptions | false;
}

/** @publicApi */
export interface OutboxStatus {
  /** Rows that are to be sent. */
  readonly waiting: number;
  /** Rows that cannot be sent, until somebody decides: `retryFailed`, `discardFailed`. */
  readonly failed: number;
  /** How long the oldest waiting row has been there; 0 without any. Milliseconds. */
  readonly oldestAgeMillis: number;
}

/** A row that cannot be sent. @publicApi */
export interface FailedOutboxRow {
  readonly id: string;
  readonly topic: string;
  readonly orderKey: string | undefined;
  readonly writtenAt: Date;
  readonly failedAt: Date;
  readonly error: string;
}

/** Lanes that are a relay's own until the lease ends, and the next rows of them. */
export interface ClaimedRows {
  readonly lanes: readonly number[];
  /** Those of the lanes whose former owner did not give them back: what it sent of them is not known. */
  readonly takenOver: ReadonlySet<number>;
  readonly rows: readonly OutboxRow[];
}

/** What became of rows. */
export interface SettledRows {
  readonly sent: readonly number[];
  readonly held: readonly { readonly seq: number; readonly delayMillis: number; readonly error: string }[];
  readonly failed: readonly { readonly seq: number; readonly error: string }[];
}

/** What a relay needs of an outbox. */
export type RelayedOutbox = Pick<SqlOutbox, 'claim' | 'settle' | 'onWrite'> & {
  readonly adapter: Pick<SqlAdapter, 'listen'>;
};

/**
 * Messages that are written in the application's own transaction and sent by a relay once that is committed: either both the
 * business data and the message are there, or neither is.
 *
 * @publicApi
 */
export class SqlOutbox<Tx = unknown> implements RunningStore {
  private readonly statements: OutboxStatements;
  private readonly notifies: boolean;
  private readonly createId = createUniqueIdFactory({
    ip: '127.0.0.1',
    pid: process.pid,
    now: Date.now,
    hash: randomInt(0x1_0000_0000),
  });
  private readonly writeListeners = new Set<() => void>();
  private readonly purge: Purge<Tx> | undefined;

  /** @throws MessagingError CONFIGURATION for an option that is none. */
  constructor(
    /** @internal */
    readonly adapter: SqlAdapter<Tx>,
    options: SqlOutboxOptions = {},
  ) {
    checkOptions(adapter, options);
    this.statements = new OutboxStatements(adapter.dialect);
    this.notifies = adapter.dialect === 'postgres' && options.notify !== false;
    const keepMillis = durationMillis(options.keepSent ?? '1d')!;
    const sent = { name: 'nestmq_outbox', key: 'seq', moment: 'sent_at', keepMillis };
    this.purge = createPurge('SqlOutbox', adapter, sent, options.purge);
  }

  /** Sent rows that this process has deleted; undefined with `purge: false`. */
  get purgeCounts(): PurgeCounts | undefined {
    return this.purge?.counts;
  }

  /** The module calls it where it has a relay. */
  start(host: StoreHost): void {
    this.purge?.start(host);
  }

  /** Resolves when nothing of it uses the database any more. */
  async stop(): Promise<void> {
    await this.purge?.stop();
  }

  /**
   * Writes messages within the transaction, in one INSERT unless they are very many. They are sent after its commit, those of
   * one sharding key in this order.
   *
   * @returns The ids that they will have, whatever is repeated.
   */
  async write(transaction: Tx, messages: readonly OutgoingMessage[]): Promise<string[]> {
    const query = this.adapter.within(transaction);
    const rows = messages.map((message) => this.rowOf(message));
    for (const part of inParts(rows)) await run(query, this.statements.insert(part));
    // As a text, because Prisma cannot read a column of nothing.
    if (this.notifies) await query('SELECT CAST(pg_notify($1, $2) AS text)', [OUTBOX_CHANNEL, '']);
    for (const listener of this.writeListeners) listener();
    return rows.map(({ id }) => id);
  }

  async status(): Promise<OutboxStatus> {
    const [row] = (await run(this.adapter.query, this.statements.status())).rows;
    const { unsent, failed, oldest, at } = row!;
    return {
      waiting: Number(unsent) - Number(failed),
      failed: Number(failed),
      oldestAgeMillis: oldest === null ? 0 : Math.max(0, Number(at) - Number(oldest)),
    };
  }

  /** The oldest rows that cannot be sent. */
  async failed(most = 100): Promise<FailedOutboxRow[]> {
    if (!Number.isSafeInteger(most) || most < 1) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `failed: a whole number of 1 or more must be asked for, not ${String(most)}`,
      );
    }
    const { rows } = await run(this.adapter.query, this.statements.failed(most));
    return rows.map((row) => ({
      id: row.id as string,
      topic: row.topic as string,
      orderKey: (row.order_key as string | null) ?? undefined,
      writtenAt: new Date(Number(row.created_at)),
      failedAt: new Date(Number(row.failed_at)),
      error: row.error as string,
    }));
  }

  /**
   * Has failed rows sent after all, once their cause is mended.
   * @param ids Default: all of them.
   * @returns How many there were.
   */
  async retryFailed(ids?: readonly string[]): Promise<number> {
    if (ids?.length === 0) return 0;
    const { affected } = await run(this.adapter.query, this.statements.retryFailed(ids));
    for (const listener of this.writeListeners) listener();
    return affected;
  }

  /**
   * Gives failed rows up: what waits behind them with the same key is sent then.
   * @returns How many there were.
   */
  async discardFailed(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const { affected } = await run(this.adapter.query, this.statements.discardFailed(ids));
    for (const listener of this.writeListeners) listener();
    return affected;
  }

  /** For relays: claims free lanes with something to send, and reads the next rows of them. */
  async claim(owner: string, leaseMillis: number, mostLanes: number, mostRows: number): Promise<ClaimedRows> {
    const { adapter, statements } = this;
    const found = await run(adapter.query, statements.lanesToClaim(mostLanes));
    const candidates = found.rows.map((row) => Number(row.lane));
    if (candidates.length === 0) return { lanes: [], takenOver: new Set(), rows: [] };
    const locked = await adapter.transaction(async (transaction) => {
      const query = adapter.within(transaction);
      const { rows } = await run(query, statements.lockLanes(candidates));
      const free = rows.map((row) => ({ lane: Number(row.lane), owner: row.owner as string | null }));
      if (free.length > 0) {
        const lanes = free.map(({ lane }) => lane);
        await run(query, statements.takeLanes(owner, leaseMillis, lanes));
      }
      return free;
    });
    if (locked.length === 0) return { lanes: [], takenOver: new Set(), rows: [] };
    const lanes = locked.map(({ lane }) => lane);
    // Only now: whatever the former owners have marked was marked before they let go.
    const held = await run(adapter.query, statements.anyHeld(lanes));
    const reading = {
      lanes,
      perLane: Math.ceil(mostRows / lanes.length),
      mostBytes: BYTES_PER_CLAIM,
      anyHeld: held.rows.length > 0,
    };
    const { rows } = await run(adapter.query, statements.read(reading));
    return {
      lanes,
      takenOver: new Set(locked.filter(({ owner: former }) => former !== null).map(({ lane }) => lane)),
      rows: rows.map(decodeRow),
    };
  }

  /** For relays: marks what became of rows and frees the lanes, in one transaction. */
  async settle(owner: string, lanes: readonly number[], settled: SettledRows): Promise<void> {
    const { adapter, statements } = this;
    const { sent, held, failed } = settled;
    const marks: Statement[] = [];
    if (sent.length > 0) marks.push(statements.markSent(sent));
    for (const [{ delayMillis, error }, seqs] of alike(held, ({ delayMillis, error }) => `${delayMillis} ${error}`)) {
      marks.push(statements.markHeld(delayMillis, storable(error), seqs));
    }
    for (const [{ error }, seqs] of alike(failed, ({ error }) => error)) {
      marks.push(statements.markFailed(storable(error), seqs));
    }
    if (lanes.length > 0) marks.push(statements.freeLanes(owner, lanes));
    if (marks.length === 0) return;
    if (marks.length === 1) return void (await run(adapter.query, marks[0]!));
    await adapter.transaction(async (transaction) => {
      const query = adapter.within(transaction);
      for (const mark of marks) await run(query, mark);
    });
  }

  /** For relays: calls back after each write of this process, whose transaction may not be committed yet; gives the way to stop that. */
  onWrite(listener: () => void): () => void {
    this.writeListeners.add(listener);
    return () => this.writeListeners.delete(listener);
  }

  /** @internal The message with the id that it will have. */
  withId(message: OutgoingMessage): OutgoingMessage & { readonly messageId: string } {
    return { ...message, messageId: message.messageId ?? this.createId() };
  }

  private rowOf(message: OutgoingMessage): WrittenRow {
    const { topic, shardingKey, body, messageId: id } = this.withId(message);
    return {
      id,
      lane: laneOf(topic, shardingKey, id),
      topic,
      orderKey: shardingKey ?? null,
      headers: encodeHeaders(message),
      body,
    };
  }
}

function run(query: SqlQuery, [text, values]: Statement): ReturnType<SqlQuery> {
  return query(text, values);
}

function inParts(rows: readonly WrittenRow[]): WrittenRow[][] {
  const parts: WrittenRow[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const part = parts.at(-1);
    bytes += row.body.length + row.headers.length;
    if (part !== undefined && part.length < ROWS_PER_INSERT && bytes <= BYTES_PER_INSERT) part.push(row);
    else {
      parts.push([row]);
      bytes = row.body.length + row.headers.length;
    }
  }
  return parts;
}

function alike<T extends { readonly seq: number }>(rows: readonly T[], by: (row: T) => string): [T, number[]][] {
  const groups = new Map<string, [T, number[]]>();
  for (const row of rows) {
    const key = by(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row, [row.seq]]);
    else group[1].push(row.seq);
  }
  return [...groups.values()];
}

/** PostgreSQL takes no character 0 in a text. */
function storable(error: string): string {
  return error.replaceAll('\0', '').slice(0, ERROR_CHARACTERS);
}

function checkOptions(adapter: unknown, options: unknown): void {
  const methods = ['query', 'transaction', 'within'] as const;
  const parts = adapter as Partial<SqlAdapter> | undefined;
  if (methods.some((name) => typeof parts?.[name] !== 'function') || typeof parts?.dialect !== 'string') {
    throw new MessagingError(
      'CONFIGURATION',
      'SqlOutbox: the first argument must be an SqlAdapter, as pgAdapter(pool) gives one',
    );
  }
  const { notify, keepSent, purge: _, ...unknown } = (options ?? {}) as SqlOutboxOptions;
  for (const name of Object.keys(unknown)) {
    const known = 'notify, keepSent, purge';
    throw new MessagingError('CONFIGURATION', `SqlOutbox: unknown option ${JSON.stringify(name)}; known: ${known}`);
  }
  if (notify !== undefined && typeof notify !== 'boolean')
    throw new MessagingError('CONFIGURATION', 'SqlOutbox: notify must be true or false');
  if (keepSent !== undefined && durationMillis(keepSent) === undefined)
    throw new MessagingError('CONFIGURATION', 'SqlOutbox: keepSent must be a duration, such as "1d"');
}
