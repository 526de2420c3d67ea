import type { SqlDialect } from '../sql-adapter.js';

/**
 * One step from an empty database to today's tables. Steps are never changed once they were released: what is to be
 * different is a further step. Each statement can be repeated (`IF NOT EXISTS`), because MySQL commits at each one, so that
 * a step which was cut off begins again.
 *
 * @publicApi
 */
export interface Migration {
  /** 1, 2, 3, ...: its place in `MIGRATIONS`. */
  readonly version: number;
  /** What it makes, for people. */
  readonly name: string;
  readonly statements: Readonly<Record<SqlDialect, readonly string[]>>;
}
