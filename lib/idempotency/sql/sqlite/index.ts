export { sqliteAdapter, type SqliteAdapterOptions } from './sqlite-adapter.js';
export type { SqliteDatabase, SqliteStatement } from './sqlite-database.js';
