import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { drizzleAdapter } from '../../../lib/idempotency/sql/drizzle/index.js';
import { prismaAdapter } from '../../../lib/idempotency/sql/prisma/index.js';
import type { SqlAdapter } from '../../../lib/idempotency/sql/sql-adapter.js';
import { typeormAdapter } from '../../../lib/idempotency/sql/typeorm/index.js';
import type { Service } from '../support/index.js';
import { prismaLike } from './prisma-like.js';

/** An adapter, and how to let go of its database. */
export interface Opened {
  readonly adapter: SqlAdapter<unknown>;
  close(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  readonly on: 'postgres' | 'mariadb';
  open(service: Service): Promise<Opened>;
}

const opened = <Tx>(adapter: SqlAdapter<Tx>, close: () => Promise<void>): Opened => ({
  adapter: adapter as SqlAdapter<unknown>,
  close,
});

async function typeorm(source: DataSource): Promise<Opened> {
  await source.initialize();
  return opened(typeormAdapter(source), () => source.destroy());
}

/** A pool whose idle connections may be cut without ending the process. */
export function pgPool(url: string, options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, ...options });
  pool.on('error', () => {});
  return pool;
}

/** All that there are, on all databases that they are for. */
export const KINDS: readonly Kind[] = [
  {
    name: 'TypeORM on PostgreSQL',
    on: 'postgres',
    open: ({ url }) => typeorm(new DataSource({ type: 'postgres', url })),
  },
  {
    name: 'TypeORM on MariaDB',
    on: 'mariadb',
    open: ({ url }) => typeorm(new DataSource({ type: 'mariadb', url })),
  },
  {
    name: 'Drizzle on PostgreSQL',
    on: 'postgres',
    async open({ url }) {
      const pool = pgPool(url);
      return opened(drizzleAdapter(drizzlePostgres({ client: pool })), () => pool.end());
    },
  },
  {
    name: 'Drizzle on MariaDB',
    on: 'mariadb',
    async open({ url }) {
      const pool = mysql.createPool(url);
      return opened(drizzleAdapter(drizzleMysql({ client: pool })), () => pool.end());
    },
  },
  {
    name: "Prisma's interface on PostgreSQL",
    on: 'postgres',
    async open({ url }) {
      const pool = pgPool(url);
      return opened(prismaAdapter(prismaLike(pool), { dialect: 'postgres' }), () => pool.end());
    },
  },
];
