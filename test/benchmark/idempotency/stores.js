// The stores whose cost is measured, each with a server of its own or the one that an environment variable names. A missing
// server is named, and its stores are left out.
import { join } from 'node:path';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import sqlite from 'node-sqlite3-wasm';
import pg from 'pg';
import { pgAdapter } from '../../../dist/idempotency/sql/pg/index.js';
import { mysqlAdapter } from '../../../dist/idempotency/sql/mysql2/index.js';
import { sqliteAdapter } from '../../../dist/idempotency/sql/sqlite/index.js';
import { RedisIdempotencyStore } from '../../../dist/idempotency/redis/index.js';
import { MemoryIdempotencyStore, migrate, SqlIdempotencyStore, SqlInbox } from '../../../dist/index.js';
import { MissingServiceError, startMariaDb, startPostgres, startRedis } from './services.js';

/** Both ways of a database: a lease beside the handler's writes, and the handler's own transaction. */
async function both(name, adapter) {
  await migrate(adapter);
  return {
    [`${name}, lease`]: new SqlIdempotencyStore(adapter),
    [`${name}, same transaction`]: new SqlInbox(adapter),
  };
}

const SOURCES = [
  async () => ({ memory: new MemoryIdempotencyStore({ maxEntries: 1_000_000 }) }),
  async (after) => {
    const service = await startRedis();
    const redis = new Redis(service.url);
    after(async () => {
      redis.disconnect();
      await service.stop();
    });
    return { Redis: new RedisIdempotencyStore(redis) };
  },
  async (after, connections) => {
    // Commits are synced, as an application's are.
    const service = await startPostgres({ durable: true });
    const pool = new pg.Pool({ connectionString: service.url, max: connections });
    after(async () => {
      await pool.end();
      await service.stop();
    });
    return both('PostgreSQL', pgAdapter(pool));
  },
  async (after, connections) => {
    const service = await startMariaDb({ durable: true });
    const pool = mysql.createPool({ uri: service.url, connectionLimit: connections });
    after(async () => {
      await pool.end();
      await service.stop();
    });
    return both('MariaDB', mysqlAdapter(pool));
  },
  async (after, _connections, directory) => {
    const database = new sqlite.Database(join(directory, 'sqlite.db'));
    after(() => database.close());
    return both('SQLite (WebAssembly)', sqliteAdapter(database));
  },
];

/** @returns stores by name, what is missing, and what ends them all. */
export async function openStores(connections, directory) {
  const stores = {};
  const missing = [];
  const ends = [];
  for (const open of SOURCES) {
    try {
      Object.assign(stores, await open((end) => ends.unshift(end), connections, directory));
    } catch (error) {
      if (!(error instanceof MissingServiceError)) throw error;
      missing.push(error.what);
    }
  }
  return {
    stores,
    missing,
    async close() {
      for (const end of ends) await end();
    },
  };
}
