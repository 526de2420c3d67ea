import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import sqlite from 'node-sqlite3-wasm';
import pg from 'pg';
import type { SqlAdapter } from '../../../lib/idempotency/index.js';
import { mysqlAdapter } from '../../../lib/idempotency/sql/mysql2/index.js';
import { pgAdapter } from '../../../lib/idempotency/sql/pg/index.js';
import { type SqliteDatabase, sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { type Service, startMariaDb, startPostgres } from '../support/index.js';

/** A database of a test file: each adapter has connections of its own. */
export interface Database {
  /** Another pool; by way of a proxy if a port is given. */
  connect(options?: {
    port?: number;
    connections?: number;
    isolation?: 'REPEATABLE READ' | 'SERIALIZABLE';
  }): SqlAdapter;
  /** The server ends the connection of the transaction, as an administrator would. */
  cut?(transaction: unknown): Promise<void>;
  readonly service?: Service;
  close(): Promise<void>;
}

export const SERVERS: Record<string, () => Promise<Database>> = { PostgreSQL: openPostgres, MariaDB: openMariaDb };

async function openPostgres(): Promise<Database> {
  const service = await startPostgres();
  const pools: pg.Pool[] = [];
  const open = (port = service.port, max = 10): pg.Pool => {
    const { host, user, password, database } = service;
    const pool = new pg.Pool({ host, port, user, password, database, max });
    pool.on('error', () => {});
    pools.push(pool);
    return pool;
  };
  const admin = open();
  return {
    service,
    connect: ({ port, connections, isolation } = {}) =>
      pgAdapter(open(port, connections), isolation === undefined ? {} : { isolation }) as SqlAdapter,
    async cut(transaction) {
      const client = transaction as pg.PoolClient;
      const ended = new Promise((resolve) => client.once('end', resolve));
      const [row] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
      await admin.query('SELECT pg_terminate_backend($1)', [row!.pid]);
      await ended;
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
      await service.stop();
    },
  };
}

async function openMariaDb(): Promise<Database> {
  const service = await startMariaDb();
  const pools: mysql.Pool[] = [];
  const open = (port = service.port, connectionLimit = 10): mysql.Pool => {
    const { host, user, password, database } = service;
    const pool = mysql.createPool({ host, port, user, password, database, connectionLimit });
    pools.push(pool);
    return pool;
  };
  const admin = open();
  return {
    service,
    connect: ({ port, connections, isolation } = {}) =>
      mysqlAdapter(open(port, connections), isolation === undefined ? {} : { isolation }) as SqlAdapter,
    async cut(transaction) {
      const connection = transaction as mysql.PoolConnection;
      await admin.query(`KILL CONNECTION ${connection.threadId}`);
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
      await service.stop();
    },
  };
}

/** By both drivers, where this Node has its own. */
export async function sqliteDrivers(): Promise<Record<string, () => Promise<Database>>> {
  const drivers: Record<string, () => Promise<Database>> = {
    'SQLite, node-sqlite3-wasm': () => openSqlite((path) => new sqlite.Database(path)),
  };
  const own = await nodeSqlite();
  if (own !== undefined) drivers['SQLite, node:sqlite'] = () => openSqlite((path) => new own.DatabaseSync(path));
  return drivers;
}

type Closable = SqliteDatabase & { close(): void };

async function nodeSqlite(): Promise<{ DatabaseSync: new (path: string) => Closable } | undefined> {
  const name = 'node:sqlite';
  try {
    return (await import(name)) as { DatabaseSync: new (path: string) => Closable };
  } catch {
    return undefined;
  }
}

function openSqlite(open: (path: string) => Closable): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
  const opened: Closable[] = [];
  return Promise.resolve({
    connect() {
      const database = open(join(folder, 'application.db'));
      opened.push(database);
      return sqliteAdapter(database) as SqlAdapter;
    },
    close() {
      for (const database of opened) database.close();
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  });
}
