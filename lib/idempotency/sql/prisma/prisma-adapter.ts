import { MessagingError } from '../../../protocol/index.js';
import { questionMarks } from '../question-marks.js';
import type { SqlAdapter, SqlQuery, SqlResult } from '../sql-adapter.js';

/** The part of a Prisma client, and of its transactions, that runs statements. @publicApi */
export interface PrismaStatements {
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): PromiseLike<T>;
  $executeRawUnsafe(query: string, ...values: unknown[]): PromiseLike<number>;
}

/**
 * The part of a generated Prisma client that is needed: its classes are generated into the application, so there is no
 * package to take a type from.
 *
 * @publicApi
 */
export interface PrismaClientLike extends PrismaStatements {
  /** `(work, options?) => Promise`; what `work` gets differs from client to client. */
  $transaction(...given: never[]): unknown;
}

/** What the callback of this client's `$transaction` gets. @publicApi */
export type PrismaTransaction<Client> = Omit<
  Client,
  '$connect' | '$disconnect' | '$on' | '$use' | '$extends' | '$transaction'
>;

/** @publicApi */
export type PrismaIsolation = 'ReadUncommitted' | 'ReadCommitted' | 'RepeatableRead' | 'Serializable';

/** @publicApi */
export interface PrismaAdapterOptions {
  /** Which database the client was generated for; `mysql` also for MariaDB. */
  dialect: 'postgres' | 'mysql';
  /**
   * Milliseconds that a transaction, and so a handler, may last before Prisma rolls it back. Prisma's own 5,000 are
   * little for a handler that waits for another delivery of its message. Default 60,000.
   */
  timeout?: number;
  /** Milliseconds to wait for a connection of the pool. Default 10,000 (Prisma's own: 2,000). */
  maxWait?: number;
  /** Default: the database's. */
  isolationLevel?: PrismaIsolation;
}

/**
 * For `SqlInbox` and `SqlOutbox`: a handler gets the interactive transaction of a Prisma client as `context.transaction`,
 * with all of the client's models.
 *
 * @publicApi
 */
export function prismaAdapter<Client extends PrismaClientLike>(
  client: Client,
  { dialect, timeout = 60_000, maxWait = 10_000, isolationLevel }: PrismaAdapterOptions,
): SqlAdapter<PrismaTransaction<Client>> {
  type Tx = PrismaTransaction<Client>;
  if (dialect !== 'postgres' && dialect !== 'mysql')
    throw new MessagingError(
      'CONFIGURATION',
      `prismaAdapter: dialect must be 'postgres' or 'mysql', not ${JSON.stringify(dialect)}; for SQLite use nestmq/idempotency/sqlite`,
    );
  const transact = client.$transaction.bind(client) as <T>(
    work: (transaction: Tx) => Promise<T>,
    options: object,
  ) => Promise<T>;
  const settings = { timeout, maxWait, ...(isolationLevel !== undefined && { isolationLevel }) };
  return {
    dialect,
    query: (text, values) => ask(client, dialect, text, values),
    transaction: <T>(work: (transaction: Tx) => Promise<T>) => transact(work, settings),
    within(transaction) {
      // Interactive transactions have all of the client but its connection and its transactions.
      if ((transaction as unknown) === client || '$connect' in transaction)
        throw new MessagingError(
          'BAD_ARGUMENT',
          'prismaAdapter: this is the client itself, so nothing would be written together; give what ' +
            'prisma.$transaction(async (tx) => …) hands to its callback, or context.transaction',
        );
      return (text, values) => ask(transaction as unknown as PrismaStatements, dialect, text, values);
    },
  };
}

/** Prisma has one call for rows and another for the count; which one a statement needs it does not find out. */
const ANSWERS_ROWS = /^\s*(?:select|show|values|with)\b|\breturning\b/i;

async function ask(
  statements: PrismaStatements,
  dialect: PrismaAdapterOptions['dialect'],
  ...[text, values]: Parameters<SqlQuery>
): Promise<SqlResult> {
  const statement = dialect === 'postgres' ? text : questionMarks(text);
  if (!ANSWERS_ROWS.test(text)) return { rows: [], affected: await statements.$executeRawUnsafe(statement, ...values) };
  const rows = await statements.$queryRawUnsafe<Record<string, unknown>[]>(statement, ...values);
  for (const row of rows) {
    // Prisma gives bytes as plain Uint8Arrays; what reads them counts on Buffer's methods.
    for (const [column, value] of Object.entries(row)) {
      if (value instanceof Uint8Array && !Buffer.isBuffer(value))
        row[column] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }
  return { rows, affected: rows.length };
}
