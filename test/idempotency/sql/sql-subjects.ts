import {
  NOW_MILLIS,
  type SqlAdapter,
  SqlIdempotencyStore,
  SqlInbox,
  type SqlQuery,
} from '../../../lib/idempotency/index.js';
import { readNumber } from '../../../lib/idempotency/sql/sql-values.js';
import type { StoreSubject } from '../store-contract.js';
import type { TransactionalSubject } from '../transactional-contract.js';

interface Time {
  advance(milliseconds: number): Promise<void>;
  readonly shortMillis?: number;
}

/** The store with leases on a migrated database; `other` is a second connection to it. */
export function leasing(adapter: SqlAdapter, other: SqlAdapter, time: Time): StoreSubject {
  return { ...time, store: new SqlIdempotencyStore(adapter), other: new SqlIdempotencyStore(other) };
}

/** The inbox on a migrated database, with a table of effects beside it. */
export async function inboxing<Tx>(
  adapter: SqlAdapter<Tx>,
  other: SqlAdapter<Tx>,
  time: Time,
): Promise<TransactionalSubject> {
  await makeEffects(adapter);
  const subject: TransactionalSubject<Tx> = {
    ...time,
    store: new SqlInbox(adapter),
    other: new SqlInbox(other),
    write: (transaction, effect) => writeEffect(adapter, transaction, effect),
    written: (effect) => countEffects(adapter, effect),
  };
  return subject as TransactionalSubject;
}

/** Without a primary key: an effect that happens twice is to be seen. */
export async function makeEffects<Tx>(adapter: SqlAdapter<Tx>): Promise<void> {
  const bytes = { postgres: 'bytea', mysql: 'VARBINARY(600)', sqlite: 'BLOB' }[adapter.dialect];
  await adapter.query(`CREATE TABLE IF NOT EXISTS effects (effect ${bytes} NOT NULL)`, []);
}

export async function writeEffect<Tx>(adapter: SqlAdapter<Tx>, transaction: Tx, effect: string): Promise<void> {
  await adapter.within(transaction)('INSERT INTO effects (effect) VALUES ($1)', [Buffer.from(effect)]);
}

export async function countEffects<Tx>(adapter: SqlAdapter<Tx>, effect: string): Promise<number> {
  const counted = await adapter.query('SELECT count(*) AS n FROM effects WHERE effect = $1', [Buffer.from(effect)]);
  return readNumber(counted.rows[0]!.n);
}

/** The same database, in whose statements another clock stands for its own. */
export function onClock<Tx>(adapter: SqlAdapter<Tx>, now: () => number): SqlAdapter<Tx> {
  const timed =
    (query: SqlQuery): SqlQuery =>
    (text, values) =>
      query(text.replaceAll(NOW_MILLIS[adapter.dialect], String(now())), values);
  return { ...adapter, query: timed(adapter.query), within: (transaction) => timed(adapter.within(transaction)) };
}
