import mysql from 'mysql2/promise';
import sqlite from 'node-sqlite3-wasm';
import pg from 'pg';
import type { SqlAdapter } from '../../../lib/idempotency/index.js';
import { mysqlAdapter } from '../../../lib/idempotency/sql/mysql2/index.js';
import { pgAdapter } from '../../../lib/idempotency/sql/pg/index.js';
import { sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';

/** A database, in words that another process understands: a URL, or the path of a file. */
export type Place = string;

export interface Connected {
  readonly adapter: SqlAdapter;
  close(): Promise<void>;
}

export function connectTo(place: Place): Connected {
  if (place.startsWith('postgres:')) {
    const pool = new pg.Pool({ connectionString: place, max: 8 });
    // A connection that ends while nobody uses it: the pool makes another one.
    pool.on('error', () => undefined);
    return { adapter: pgAdapter(pool) as SqlAdapter, close: () => pool.end() };
  }
  if (place.startsWith('mysql:')) {
    const pool = mysql.createPool({ uri: place, connectionLimit: 8 });
    return { adapter: mysqlAdapter(pool) as SqlAdapter, close: () => pool.end() };
  }
  const database = new sqlite.Database(place);
  return {
    adapter: sqliteAdapter(database, { busyTimeout: 20_000 }) as SqlAdapter,
    close: async () => database.close(),
  };
}
