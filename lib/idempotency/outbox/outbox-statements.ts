import { NOW_MILLIS } from '../sql/database-clock.js';
import type { SqlDialect, SqlValue } from '../sql/sql-adapter.js';
import { HELD_FOR_EVER } from './outbox-lanes.js';

/** A text and its values, for `SqlQuery`. */
export type Statement = readonly [text: string, values: readonly SqlValue[]];

/**
 * Of the statement's begin. `NOW_MILLIS` says what PostgreSQL evaluates anew for each row, so that it could use no index with it.
 */
const NOW: Readonly<Record<SqlDialect, string>> = {
  ...NOW_MILLIS,
  postgres: 'CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS bigint)',
};

export interface WrittenRow {
  readonly id: string;
  readonly lane: number;
  readonly topic: string;
  readonly orderKey: string | null;
  readonly headers: string;
  readonly body: Buffer;
}

export interface Reading {
  readonly lanes: readonly number[];
  readonly perLane: number;
  readonly mostBytes: number;
  readonly anyHeld: boolean;
}

// Numbers stand in the text: lists of any length as parameters would leave a prepared statement each on a MySQL server, and its
// LIMIT takes none of a client that sends all its numbers as doubles.

/** What the outbox says to a database of one dialect. */
export class OutboxStatements {
  private readonly now: string;
  /** Waiting, and due: what may be read as `o`. */
  private readonly due: string;

  constructor(private readonly dialect: SqlDialect) {
    this.now = NOW[dialect];
    this.due = `o.sent_at IS NULL AND (o.held_until IS NULL OR o.held_until <= ${this.now})`;
  }

  insert(rows: readonly WrittenRow[]): Statement {
    const values: SqlValue[] = [];
    const tuples = rows.map(({ id, lane, topic, orderKey, headers, body }) => {
      const at = values.push(id, lane, topic, orderKey, headers, body, body.length);
      return `($${at - 6}, $${at - 5}, $${at - 4}, $${at - 3}, $${at - 2}, $${at - 1}, $${at}, ${this.now})`;
    });
    return [
      `INSERT INTO nestmq_outbox (id, lane, topic, order_key, headers, body, body_bytes, created_at) VALUES ${tuples.join(', ')}`,
      values,
    ];
  }

  // With EXISTS, MariaDB reads all that waits: for its optimizer that is a join.
  /** Free lanes with something to send; those that were not looked after for longest first. Locks nothing. */
  lanesToClaim(most: number): Statement {
    return [
      `SELECT l.lane FROM nestmq_outbox_lane l WHERE l.lease_until <= ${this.now} ` +
        `AND (SELECT o.seq FROM nestmq_outbox o WHERE o.lane = l.lane AND ${this.due} LIMIT 1) IS NOT NULL ` +
        `ORDER BY l.lease_until, l.lane LIMIT ${most}`,
      [],
    ];
  }

  /** Of these lanes those that are still free. One that another relay is just claiming is passed over, not waited for. */
  lockLanes(lanes: readonly number[]): Statement {
    // SQLite has one writer at a time, so that nothing needs a lock of its own.
    const lock = this.dialect === 'sqlite' ? '' : ' FOR UPDATE SKIP LOCKED';
    return [
      `SELECT lane, owner FROM nestmq_outbox_lane WHERE lane IN (${list(lanes)}) AND lease_until <= ${this.now} ` +
        `ORDER BY lane${lock}`,
      [],
    ];
  }

  takeLanes(owner: string, leaseMillis: number, lanes: readonly number[]): Statement {
    return [
      `UPDATE nestmq_outbox_lane SET owner = $1, lease_until = ${this.now} + ${leaseMillis} WHERE lane IN (${list(lanes)})`,
      [owner],
    ];
  }

  /** A lane that was lost meanwhile stays with its new owner. */
  freeLanes(owner: string, lanes: readonly number[]): Statement {
    return [
      `UPDATE nestmq_outbox_lane SET owner = NULL, lease_until = ${this.now} WHERE owner = $1 AND lane IN (${list(lanes)})`,
      [owner],
    ];
  }

  /** Whether any key in these lanes is held. */
  anyHeld(lanes: readonly number[]): Statement {
    return [`SELECT seq FROM nestmq_outbox WHERE lane IN (${list(lanes)}) AND held_until > ${this.now} LIMIT 1`, []];
  }

  /**
   * The oldest rows of each of these lanes that may be sent, without those behind one of their key that is held. Lane by lane,
   * since that is the order of an index: to sort all that waits takes the longer the more there is.
   */
  read({ lanes, perLane, mostBytes, anyHeld }: Reading): Statement {
    const free = anyHeld
      ? 'AND NOT EXISTS (SELECT 1 FROM nestmq_outbox h WHERE h.lane = o.lane ' +
        `AND h.held_until > ${this.now} AND h.topic = o.topic AND h.order_key = o.order_key) `
      : '';
    const heads = lanes.map(
      (lane) =>
        `SELECT * FROM (SELECT o.seq, o.body_bytes FROM nestmq_outbox o WHERE o.lane = ${lane} AND ${this.due} ` +
        `${free}ORDER BY o.seq LIMIT ${perLane}) lane_${lane}`,
    );
    return [
      'SELECT r.seq, r.id, r.lane, r.topic, r.order_key, r.headers, r.body, r.attempts FROM nestmq_outbox r JOIN (' +
        'SELECT c.seq, SUM(c.body_bytes) OVER (ORDER BY c.seq) - c.body_bytes AS bytes_before FROM (' +
        `${heads.join(' UNION ALL ')}) c) w ON w.seq = r.seq WHERE w.bytes_before < ${mostBytes} ORDER BY r.seq`,
      [],
    ];
  }

  markSent(seqs: readonly number[]): Statement {
    return [
      `UPDATE nestmq_outbox SET sent_at = ${this.now}, held_until = NULL, error = NULL ` +
        `WHERE seq IN (${list(seqs)}) AND sent_at IS NULL`,
      [],
    ];
  }

  markHeld(delayMillis: number, error: string, seqs: readonly number[]): Statement {
    return [
      `UPDATE nestmq_outbox SET attempts = attempts + 1, held_until = ${this.now} + ${delayMillis}, error = $1 ` +
        `WHERE seq IN (${list(seqs)}) AND sent_at IS NULL`,
      [error],
    ];
  }

  markFailed(error: string, seqs: readonly number[]): Statement {
    return [
      `UPDATE nestmq_outbox SET attempts = attempts + 1, held_until = ${HELD_FOR_EVER}, failed_at = ${this.now}, error = $1 ` +
        `WHERE seq IN (${list(seqs)}) AND sent_at IS NULL`,
      [error],
    ];
  }

  /** @param ids Undefined: all that have failed. */
  retryFailed(ids: readonly string[] | undefined): Statement {
    return [
      'UPDATE nestmq_outbox SET attempts = 0, held_until = NULL, failed_at = NULL, error = NULL ' +
        `WHERE sent_at IS NULL AND failed_at IS NOT NULL${idFilter(ids)}`,
      ids ?? [],
    ];
  }

  discardFailed(ids: readonly string[]): Statement {
    return [`DELETE FROM nestmq_outbox WHERE sent_at IS NULL AND failed_at IS NOT NULL${idFilter(ids)}`, ids];
  }

  failed(most: number): Statement {
    return [
      'SELECT id, topic, order_key, created_at, failed_at, error FROM nestmq_outbox ' +
        'WHERE sent_at IS NULL AND failed_at IS NOT NULL ORDER BY seq LIMIT ' +
        String(most),
      [],
    ];
  }

  status(): Statement {
    return [
      'SELECT COUNT(*) AS unsent, COUNT(failed_at) AS failed, ' +
        `MIN(CASE WHEN failed_at IS NULL THEN created_at END) AS oldest, ${this.now} AS at ` +
        'FROM nestmq_outbox WHERE sent_at IS NULL',
      [],
    ];
  }
}

function list(numbers: readonly number[]): string {
  return numbers.join(', ');
}

function places(from: number, values: readonly unknown[]): string {
  return values.map((_, index) => `$${from + index}`).join(', ');
}

function idFilter(ids: readonly string[] | undefined): string {
  return ids === undefined ? '' : ` AND id IN (${places(1, ids)})`;
}
