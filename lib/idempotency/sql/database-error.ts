import { types } from 'node:util';
import { MessagingError, type MessagingErrorCode } from '../../protocol/index.js';

/** Two transactions in each other's way, or no room for one more: the same once more is likely to succeed. */
const BUSY = new Set<unknown>([
  // PostgreSQL: serialization_failure, deadlock_detected, lock_not_available, too_many_connections, object_in_use,
  // query_canceled (statement_timeout), out of memory and disk excepted.
  '40001',
  '40P01',
  '55P03',
  '53300',
  '55006',
  '57014',
  // MySQL and MariaDB.
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_LOCK_NOWAIT',
  'ER_LOCK_ABORTED',
  'ER_CHECKREAD',
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_XA_RBDEADLOCK',
  // SQLite, as better-sqlite3 names it.
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
  'SQLITE_LOCKED',
  // Prisma: a write conflict or deadlock, no connection of its pool in time; as kinds, and as numbers of MariaDB's client.
  'P2034',
  'P2024',
  'TransactionWriteConflict',
  'TooManyConnections',
  '1213',
  '1205',
  '45028',
]);

const UNAVAILABLE = new Set<unknown>([
  // PostgreSQL: admin_shutdown, crash_shutdown, cannot_connect_now, idle_in_transaction_session_timeout, idle_session_timeout,
  // read_only_sql_transaction (what is left of a primary after a failover).
  '57P01',
  '57P02',
  '57P03',
  '25P03',
  '57P05',
  '25006',
  // MySQL and MariaDB.
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
  'ER_CONNECTION_KILLED',
  'ER_NEW_ABORTING_CONNECTION',
  'ER_ABORTING_CONNECTION',
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_CLIENT_INTERACTION_TIMEOUT',
  'POOL_CLOSED',
  // Of the socket.
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  // Prisma: cannot reach, did not answer, closed the connection, as codes and as kinds; a transaction of its engine that is gone.
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'DatabaseNotReachable',
  'SocketTimeout',
  'ConnectionClosed',
  'P2028',
]);

/**
 * The database has ended a transaction in favour of another one. PostgreSQL: serialization_failure, deadlock_detected. MySQL:
 * deadlock, and MariaDB's "record has changed since last read".
 */
const CONFLICT = new Set<unknown>([
  '40001',
  '40P01',
  'ER_LOCK_DEADLOCK',
  'ER_CHECKREAD',
  'P2034',
  'TransactionWriteConflict',
  '1213',
]);

/** `undefined_table`, ER_NO_SUCH_TABLE, Prisma's kind of them. */
const NO_TABLE = new Set<unknown>(['42P01', 'ER_NO_SUCH_TABLE', 'TableDoesNotExist']);

/** SQLITE_BUSY and SQLITE_LOCKED, of which node:sqlite gives the extended number. */
const SQLITE_BUSY_NUMBERS = new Set([5, 6]);

// Clients that say it in words only.
const BUSY_WORDS = /database (?:table )?is locked|timeout exceeded when trying to connect|Queue limit reached/i;
const UNAVAILABLE_WORDS =
  /Connection terminated|Client has encountered a connection error|Can't add new command when connection is in closed state|Pool is closed|after calling end on the pool|Client was closed|database is not open|Query read timeout|Query runner already released|Connection was killed/i;
const NO_TABLE_WORDS = /no such table/i;

/**
 * What an error of a database client means: `DATABASE_BUSY` and `DATABASE_UNAVAILABLE` are retryable, `DATABASE_ERROR` is
 * not. The error itself is the cause. ORMs wrap the client's error; the whole chain is looked at. A MessagingError is left
 * as it is.
 *
 * @param doing what failed, for people: `claim messages in nestmq_inbox`
 * @publicApi
 */
export function databaseError(error: unknown, doing: string): MessagingError {
  if (error instanceof MessagingError) return error;
  const { code, help } = classify(error);
  const said = isError(error) ? error.message || String(codeOf(error) ?? error.name) : String(error);
  return new MessagingError(code, `Could not ${doing}: ${said}${help}`, { cause: error });
}

function classify(error: unknown): { code: MessagingErrorCode; help: string } {
  for (const link of chainOf(error)) {
    const codes = codesOf(link);
    const words = isError(link) ? link.message : String(link);
    if (codes.some((code) => BUSY.has(code)) || BUSY_WORDS.test(words) || isSqliteBusy(link))
      return { code: 'DATABASE_BUSY', help: '' };
    if (codes.some(isUnavailable) || UNAVAILABLE_WORDS.test(words)) return { code: 'DATABASE_UNAVAILABLE', help: '' };
    if (codes.some((code) => NO_TABLE.has(code)) || NO_TABLE_WORDS.test(words))
      return {
        code: 'DATABASE_ERROR',
        help: '. Run migrate(adapter) once, or what `nestmq schema` prints, in this database and schema',
      };
  }
  return { code: 'DATABASE_ERROR', help: '' };
}

/** Whether the same transaction once more is likely to succeed at once. */
export function isConflict(error: unknown): boolean {
  return chainOf(error).some((link) => codesOf(link).some((code) => CONFLICT.has(code)));
}

/** SQLite's only writer is somebody else, in this process or another. */
export function isSqliteBusy(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED') return true;
  const number = (error as { errcode?: unknown } | null | undefined)?.errcode;
  if (typeof number === 'number') return SQLITE_BUSY_NUMBERS.has(number & 0xff);
  return isError(error) && /database (?:table )?is locked/i.test(error.message);
}

/** Class 08 of SQL: connection exceptions. */
function isUnavailable(code: unknown): boolean {
  return UNAVAILABLE.has(code) || (typeof code === 'string' && /^08\w{3}$/.test(code));
}

/**
 * Its own code, and where Prisma tells the database's: beside the P2010 of a raw query, and of a driver's error in the cause,
 * an object that is no error, with the kind that Prisma gives it.
 */
function codesOf(error: unknown): unknown[] {
  const { code, meta, cause } = (error ?? {}) as {
    code?: unknown;
    meta?: { code?: unknown };
    cause?: { originalCode?: unknown; kind?: unknown } | null;
  };
  return [code, meta?.code, cause?.originalCode, cause?.kind];
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

interface Wrapper {
  readonly cause?: unknown;
  readonly driverError?: unknown;
  readonly errors?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown } | null;
}

/**
 * The error and what it wraps: `cause`, TypeORM's `driverError`, Prisma's `meta.driverAdapterError`, the errors of a refused
 * dual-stack connection.
 */
function chainOf(error: unknown): unknown[] {
  const chain = [error];
  // Bounded, since an error may name itself as its cause.
  for (let at = 0; at < chain.length && at < 16; at++) {
    const link = chain[at] as Wrapper | null | undefined;
    const errors: unknown[] = Array.isArray(link?.errors) ? link.errors : [];
    for (const next of [link?.cause, link?.driverError, link?.meta?.driverAdapterError, ...errors])
      if (isError(next) && !chain.includes(next)) chain.push(next);
  }
  return chain;
}

/** Also one of another realm: where code runs in a context of `node:vm`, the errors of Node's sockets are not of its class. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
