import { MessagingError } from '../../../protocol/index.js';
import { type Isolation, readIsolation } from '../isolation.js';
import type { SqlAdapter, SqlQuery, SqlResult } from '../sql-adapter.js';
import { answersRows, onlyReads, placeholders } from '../sql-values.js';

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
export interface PrismaAdapterOptions {
  /** Which database the client was generated for; `mysql` also for MariaDB. */
  readonly dialect: 'postgres' | 'mysql';
  /**
   * Milliseconds that a transaction, and so a handler, may last before Prisma rolls it back. Prisma's own 5,000 are
   * little for a handler that waits for another delivery of its message. Default 60,000.
   */
  readonly timeout?: number;
  /** Milliseconds to wait for a connection of the pool. Default 10,000 (Prisma's own: 2,000). */
  readonly maxWait?: number;
  /**
   * Of the transactions that the adapter begins. Default: `READ COMMITTED` on MySQL and MariaDB, whose own would lock the
   * gaps between rows, and on PostgreSQL the database's.
   */
  readonly isolation?: Isolation;
}

const PRISMA_LEVELS: Readonly<Record<Isolation, string>> = {
  'READ COMMITTED': 'ReadCommitted',
  'REPEATABLE READ': 'RepeatableRead',
  SERIALIZABLE: 'Serializable',
};

/**
 * For `SqlInbox` and `SqlOutbox`: a handler gets the interactive transaction of a Prisma client as `context.transaction`,
 * with all of the client's models.
 *
 * @throws MessagingError CONFIGURATION for an unknown option, and for other databases.
 * @publicApi
 */
export function prismaAdapter<Client extends PrismaClientLike>(
  client: Client,
  { dialect, timeout = 60_000, maxWait = 10_000, isolation, ...unknown }: PrismaAdapterOptions,
): SqlAdapter<PrismaTransaction<Client>> {
  type Tx = PrismaTransaction<Client>;
  for (const name of Object.keys(unknown))
    throw new MessagingError(
      'CONFIGURATION',
      `prismaAdapter knows no option "${name}"; it knows dialect, timeout, maxWait and isolation`,
    );
  if (dialect !== 'postgres' && dialect !== 'mysql')
    throw new MessagingError(
      'CONFIGURATION',
      `prismaAdapter: dialect must be 'postgres' or 'mysql', not ${JSON.stringify(dialect)}; for SQLite use nestmq/idempotency/sqlite`,
    );
  for (const [name, value] of Object.entries({ timeout, maxWait }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new MessagingError('CONFIGURATION', `prismaAdapter: ${name} is in milliseconds, not ${String(value)}`);
  const isolationLevel = PRISMA_LEVELS[readIsolation('prismaAdapter', isolation === undefined ? {} : { isolation })];
  const settings = { timeout, maxWait, ...((isolation !== undefined || dialect === 'mysql') && { isolationLevel }) };
  const transact = client.$transaction.bind(client) as <T>(
    work: (transaction: Tx) => Promise<T>,
    options: object,
  ) => Promise<T>;
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

async function ask(
  statements: PrismaStatements,
  dialect: PrismaAdapterOptions['dialect'],
  ...[text, values]: Parameters<SqlQuery>
): Promise<SqlResult> {
  const statement = dialect === 'postgres' ? text : placeholders(text);
  // Prisma has one call for rows and another for the count; which one a statement needs it does not find out.
  if (!answersRows(text)) return { rows: [], affected: await statements.$executeRawUnsafe(statement, ...values) };
  const rows = await statements.$queryRawUnsafe<Record<string, unknown>[]>(statement, ...values);
  return { rows, affected: onlyReads(text) ? 0 : rows.length };
}
