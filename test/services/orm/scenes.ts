import type { DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { int, mysqlTable, varchar as mysqlVarchar } from 'drizzle-orm/mysql-core';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres';
import { pgTable, serial, varchar } from 'drizzle-orm/pg-core';
import mysql from 'mysql2/promise';
import { DataSource, EntitySchema, type EntityManager } from 'typeorm';
import { drizzleAdapter, type DrizzleTransaction } from '../../../lib/idempotency/sql/drizzle/index.js';
import { prismaAdapter, type PrismaClientLike } from '../../../lib/idempotency/sql/prisma/index.js';
import { typeormAdapter } from '../../../lib/idempotency/sql/typeorm/index.js';
import { MessagingModule, migrate, type SqlAdapter, SqlInbox } from '../../../lib/index.js';
import type { Service } from '../support/index.js';
import { pgPool } from './adapters.js';
import { prismaLike, type Statements } from './prisma-like.js';

/** One ORM on one database, as an application would use it. */
export interface Scene {
  readonly imports: DynamicModule[];
  /** Books by the ORM's own means, in the transaction of the handler. */
  book(id: string, transaction: unknown): Promise<unknown>;
  /** A statement that fails. */
  blunder(transaction: unknown): Promise<unknown>;
  /** Books past the transaction. */
  bookOutside(id: string): Promise<unknown>;
  /** What was booked, in order. */
  booked(): Promise<string[]>;
  close(): Promise<unknown>;
}

export interface SceneKind {
  readonly name: string;
  readonly on: 'postgres' | 'mariadb';
  open(service: Service): Promise<Scene>;
}

const TABLES = {
  postgres: 'CREATE TABLE bookings (n serial PRIMARY KEY, id varchar(40) NOT NULL)',
  mysql: 'CREATE TABLE bookings (n int AUTO_INCREMENT PRIMARY KEY, id varchar(40) NOT NULL)',
};

/** Beginning from nothing; the module keeps its marks with this adapter. */
async function begin<Tx>(adapter: SqlAdapter<Tx>): Promise<DynamicModule> {
  await migrate(adapter);
  await adapter.query('DELETE FROM nestmq_inbox', []);
  await adapter.query('DROP TABLE IF EXISTS bookings', []);
  await adapter.query(TABLES[adapter.dialect as 'postgres' | 'mysql'], []);
  const store = new SqlInbox(adapter);
  return MessagingModule.forRoot({ application: 'test', broker: { memory: true }, idempotency: { store } });
}

class Booking {
  n?: number;
  id!: string;
}

const bookingEntity = new EntitySchema<Booking>({
  name: 'Booking',
  target: Booking,
  tableName: 'bookings',
  columns: { n: { type: 'int', primary: true, generated: true }, id: { type: 'varchar', length: 40 } },
});

async function typeorm(type: 'postgres' | 'mariadb', url: string): Promise<Scene> {
  const options = { type, url, entities: [bookingEntity] };
  const source = await new DataSource(options).initialize();
  await begin(typeormAdapter(source));
  return {
    imports: [
      TypeOrmModule.forRoot(options),
      MessagingModule.forRootAsync({
        inject: [DataSource],
        useFactory: (dataSource: DataSource) => ({
          application: 'test',
          broker: { memory: true },
          idempotency: { store: new SqlInbox(typeormAdapter(dataSource)) },
        }),
      }),
    ],
    book: (id, transaction) => (transaction as EntityManager).getRepository(Booking).save({ id }),
    blunder: (transaction) => (transaction as EntityManager).query('SELECT nothing FROM nowhere'),
    bookOutside: (id) => source.getRepository(Booking).save({ id }),
    booked: async () => (await source.getRepository(Booking).find({ order: { n: 'ASC' } })).map(({ id }) => id),
    close: () => source.destroy(),
  };
}

async function drizzleOnPostgres(url: string): Promise<Scene> {
  const pool = pgPool(url);
  const db = drizzlePostgres({ client: pool });
  const bookings = pgTable('bookings', { n: serial().primaryKey(), id: varchar().notNull() });
  type Tx = DrizzleTransaction<typeof db>;
  return {
    imports: [await begin(drizzleAdapter(db))],
    book: async (id, transaction) => await (transaction as Tx).insert(bookings).values({ id }),
    blunder: async (transaction) => await (transaction as Tx).execute('SELECT nothing FROM nowhere'),
    bookOutside: async (id) => await db.insert(bookings).values({ id }),
    booked: async () => (await db.select().from(bookings).orderBy(bookings.n)).map(({ id }) => id),
    close: () => pool.end(),
  };
}

async function drizzleOnMariaDb(url: string): Promise<Scene> {
  const pool = mysql.createPool(url);
  const db = drizzleMysql({ client: pool });
  const bookings = mysqlTable('bookings', {
    n: int().primaryKey().autoincrement(),
    id: mysqlVarchar({ length: 40 }).notNull(),
  });
  type Tx = DrizzleTransaction<typeof db>;
  return {
    imports: [await begin(drizzleAdapter(db))],
    book: async (id, transaction) => await (transaction as Tx).insert(bookings).values({ id }),
    blunder: async (transaction) => await (transaction as Tx).execute('SELECT nothing FROM nowhere'),
    bookOutside: async (id) => await db.insert(bookings).values({ id }),
    booked: async () => (await db.select().from(bookings).orderBy(bookings.n)).map(({ id }) => id),
    close: () => pool.end(),
  };
}

const INSERT = { postgres: 'INSERT INTO bookings (id) VALUES ($1)', mysql: 'INSERT INTO bookings (id) VALUES (?)' };

/** Of a client of Prisma, or of what has its interface. */
export async function prisma(
  client: PrismaClientLike,
  dialect: 'postgres' | 'mysql',
  close: () => Promise<unknown>,
): Promise<Scene> {
  const rows = 'SELECT id FROM bookings ORDER BY n';
  return {
    imports: [await begin(prismaAdapter(client, { dialect }))],
    book: async (id, transaction) => await (transaction as Statements).$executeRawUnsafe(INSERT[dialect], id),
    blunder: async (transaction) => await (transaction as Statements).$executeRawUnsafe('DELETE FROM nowhere'),
    bookOutside: async (id) => await client.$executeRawUnsafe(INSERT[dialect], id),
    booked: async () => (await client.$queryRawUnsafe<{ id: string }[]>(rows)).map(({ id }) => id),
    close,
  };
}

export const SCENES: readonly SceneKind[] = [
  { name: '@nestjs/typeorm on PostgreSQL', on: 'postgres', open: ({ url }) => typeorm('postgres', url) },
  { name: '@nestjs/typeorm on MariaDB', on: 'mariadb', open: ({ url }) => typeorm('mariadb', url) },
  { name: 'Drizzle on PostgreSQL', on: 'postgres', open: ({ url }) => drizzleOnPostgres(url) },
  { name: 'Drizzle on MariaDB', on: 'mariadb', open: ({ url }) => drizzleOnMariaDb(url) },
  {
    name: "Prisma's interface on PostgreSQL",
    on: 'postgres',
    open({ url }) {
      const pool = pgPool(url);
      return prisma(prismaLike(pool), 'postgres', () => pool.end());
    },
  },
];
