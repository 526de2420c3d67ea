import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, SystemClock } from '../../../platform/index.js';
import { MessagingError } from '../../../protocol/index.js';
import { isSqliteBusy } from '../database-error.js';
import type { SqlAdapter, SqlQuery } from '../sql-adapter.js';
import { type SqliteDatabase, runStatement } from './sqlite-database.js';

/** @publicApi */
export interface SqliteAdapterOptions {
  /** How long a transaction waits for another process that is writing, in milliseconds. Default: 5000. */
  busyTimeout?: number;
}

const DEFAULT_BUSY_TIMEOUT = 5000;
/** Between two tries. SQLite's own busy handler would hold up the event loop for as long as it waits. */
const RETRY_MILLIS = 10;

/** What the statements of one asynchronous call tree run in. */
interface Open {
  readonly database: SqliteDatabase;
  ended: boolean;
}

const current = new AsyncLocalStorage<Open>();
/** A connection has one transaction at a time, however many adapters share it. */
const turns = new WeakMap<SqliteDatabase, Promise<void>>();

/**
 * An adapter for one open database of `node:sqlite` (Node 22.13 and up) or `node-sqlite3-wasm`; a transaction is that
 * database itself. SQLite has one writer and this connection one transaction, so transactions come one after the other,
 * and a statement outside of them waits for the one that is open. Nothing else should use the connection meanwhile: its
 * statements would become part of the open transaction.
 *
 * @throws MessagingError BAD_ARGUMENT for what is no such database, CONFIGURATION for an unknown option
 * @publicApi
 */
export function sqliteAdapter<Database extends SqliteDatabase>(
  database: Database,
  options: SqliteAdapterOptions = {},
  clock: Clock = new SystemClock(),
): SqlAdapter<Database> {
  if (typeof database?.prepare !== 'function' || typeof database.exec !== 'function')
    throw new MessagingError(
      'BAD_ARGUMENT',
      'sqliteAdapter takes a DatabaseSync of "node:sqlite" or a Database of "node-sqlite3-wasm"',
    );
  const { busyTimeout = DEFAULT_BUSY_TIMEOUT, ...unknown } = options;
  for (const name of Object.keys(unknown))
    throw new MessagingError('CONFIGURATION', `sqliteAdapter knows no option "${name}"; it knows busyTimeout`);
  if (!Number.isSafeInteger(busyTimeout) || busyTimeout < 0)
    throw new MessagingError('CONFIGURATION', `sqliteAdapter: busyTimeout is in milliseconds, not ${busyTimeout}`);
  const patient = <T>(step: () => T): Promise<T> => whenFree(step, busyTimeout, clock);
  return {
    dialect: 'sqlite',
    noticesRollback: true,
    query: (text, values) => inTurn(database, () => patient(() => runStatement(database, text, values))),
    within: (transaction) => within(transaction),
    transaction: (work) => inTurn(database, () => transact(database, patient, work)),
  };
}

function within(database: SqliteDatabase): SqlQuery {
  return async (text, values) => runStatement(database, text, values);
}

async function transact<Database extends SqliteDatabase, T>(
  database: Database,
  patient: (step: () => unknown) => Promise<unknown>,
  work: (transaction: Database) => Promise<T>,
): Promise<T> {
  // At once the writer: a transaction that begins as a reader fails when it comes to write and somebody else has written.
  await patient(() => database.exec('BEGIN IMMEDIATE'));
  const open: Open = { database, ended: false };
  try {
    const value = await current.run(open, () => work(database));
    // Without a write-ahead log the commit waits for readers in other processes.
    await patient(() => database.exec('COMMIT'));
    return value;
  } catch (error) {
    rollBack(database);
    throw error;
  } finally {
    open.ended = true;
  }
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // Some errors (a full disk) have rolled back already; the error that led here is what the caller gets.
  }
}

/** One after the other. Refuses to wait for the very transaction that it was called in, which would be for ever. */
async function inTurn<T>(database: SqliteDatabase, step: () => Promise<T>): Promise<T> {
  const open = current.getStore();
  if (open !== undefined && !open.ended && open.database === database)
    throw new MessagingError(
      'BAD_ARGUMENT',
      'A transaction of this SQLite connection is open here, and there can be no other: use adapter.within(transaction)',
    );
  const before = turns.get(database) ?? Promise.resolve();
  const result = before.then(step);
  const settled = (): void => {};
  turns.set(database, result.then(settled, settled));
  return await result;
}

async function whenFree<T>(step: () => T, busyTimeout: number, clock: Clock): Promise<T> {
  const until = clock.monotonic() + busyTimeout;
  for (;;) {
    try {
      return step();
    } catch (error) {
      if (!isSqliteBusy(error) || clock.monotonic() >= until) throw error;
      await clock.sleep(RETRY_MILLIS);
    }
  }
}
