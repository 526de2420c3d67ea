import { migrate, type SqlAdapter } from 'nestmq';
import { pgAdapter } from 'nestmq/idempotency/pg';
import { sqliteAdapter } from 'nestmq/idempotency/sqlite';
import sqlite from 'node-sqlite3-wasm';
import pg from 'pg';

const TABLES = [
  'CREATE TABLE IF NOT EXISTS orders (id varchar(40) PRIMARY KEY)',
  // Nothing here keeps an order from being paid twice.
  'CREATE TABLE IF NOT EXISTS payments (order_id varchar(40) NOT NULL)',
];

/** The shop's tables beside those of inbox and outbox. */
export interface Database {
  readonly adapter: SqlAdapter;
  /** All ids of orders. */
  orders(): Promise<string[]>;
  /** For each payment the id of its order. */
  payments(): Promise<string[]>;
  close(): Promise<void>;
  /** With all that is in it. */
  drop(): Promise<void>;
}

/** A schema of that name in the PostgreSQL of DATABASE_URL, or in the one on this machine. */
export async function connectDatabase(name: string): Promise<Database> {
  if (process.argv.includes('--sqlite')) {
    const database = new sqlite.Database(':memory:');
    return prepare(sqliteAdapter(database), async () => database.close());
  }
  const url = process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${name}`, max: 20 });
  pool.on('error', () => undefined);
  try {
    await pool.query(`CREATE SCHEMA IF NOT EXISTS ${name}`);
  } catch (error) {
    console.error(
      `No PostgreSQL at ${new URL(url).host}: ${(error as Error).message || 'nothing answers'}. Start one:`,
    );
    console.error('  docker run --rm -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres');
    console.error('or name one in DATABASE_URL=postgres://user:password@host:port/database, or go without: --sqlite');
    process.exit(1);
  }
  return prepare(
    pgAdapter(pool),
    () => pool.end(),
    async () => void (await pool.query(`DROP SCHEMA ${name} CASCADE`)),
  );
}

async function prepare<Tx>(
  adapter: SqlAdapter<Tx>,
  close: () => Promise<void>,
  drop: () => Promise<void> = () => Promise.resolve(),
): Promise<Database> {
  await migrate(adapter);
  for (const table of TABLES) await adapter.query(table, []);
  const column = async (text: string): Promise<string[]> =>
    (await adapter.query(text, [])).rows.map(({ id }) => id as string);
  return {
    adapter: adapter as SqlAdapter,
    orders: () => column('SELECT id FROM orders ORDER BY length(id), id'),
    payments: () => column('SELECT order_id AS id FROM payments'),
    close,
    drop,
  };
}
