import { MessagingError } from '../../../protocol/index.js';
import { type Claim, MAX_KEY_BYTES } from '../../store.js';
import { SQL_DIALECTS } from '../schema/schema.js';
import type { SqlAdapter } from '../sql-adapter.js';

export function checkAdapter<Tx>(what: string, adapter: SqlAdapter<Tx>): SqlAdapter<Tx> {
  const { query, transaction, within, dialect } = (adapter ?? {}) as Partial<SqlAdapter<Tx>>;
  if ([query, transaction, within].every((verb) => typeof verb === 'function') && SQL_DIALECTS.includes(dialect!))
    return adapter;
  throw new MessagingError('BAD_ARGUMENT', `${what} takes an adapter, for example pgAdapter(pool)`);
}

/** Throws CONFIGURATION for an option that there is none of. */
export function checkOptions(what: string, options: object): void {
  for (const name of Object.keys(options))
    if (name !== 'purge') throw new MessagingError('CONFIGURATION', `${what}: unknown option "${name}"; known: purge`);
}

/** MySQL cuts off what is too long unless its sql_mode is strict: two keys would then be one. */
export function checkKeys(claims: readonly Claim[]): void {
  for (const { key } of claims)
    if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES)
      throw new MessagingError('BAD_ARGUMENT', `A key has ${MAX_KEY_BYTES} bytes at the most, not so "${key}"`);
}

/** They stand in the statements. */
export function wholeMillis(millis: number): number {
  const whole = Math.max(1, Math.ceil(millis));
  if (Number.isSafeInteger(whole)) return whole;
  throw new MessagingError('BAD_ARGUMENT', `A time is a number of milliseconds, not ${millis}`);
}

/** The places of what is claimed, one for each key, in the order in which all callers lock them. */
export function sortedPlaces(claims: readonly Claim[]): number[] {
  const first = new Map<string, number>();
  for (const [place, { key }] of claims.entries()) if (!first.has(key)) first.set(key, place);
  // By code unit, as every process does, whatever its locale.
  return [...first].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, place]) => place);
}

/** PostgreSQL takes 65,535 parameters a statement, SQLite 32,766. */
export const MOST_ROWS = 1_000;

export function* portions<T>(all: readonly T[]): Generator<readonly T[]> {
  if (all.length <= MOST_ROWS) {
    if (all.length > 0) yield all;
    return;
  }
  for (let at = 0; at < all.length; at += MOST_ROWS) yield all.slice(at, at + MOST_ROWS);
}
