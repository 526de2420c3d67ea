import type { Migration } from './migration.js';

/**
 * nestmq_lock: one row for each thing that one process at a time does, such as cleaning up.
 *
 *   column       | postgres     | mysql           | sqlite  | holds
 *   -------------+--------------+-----------------+---------+-----------------------------------------------------------
 *   name         | text         | VARBINARY(128)  | TEXT    | what is done: `purge nestmq_inbox`
 *   owner        | text         | VARBINARY(64)   | TEXT    | who does it
 *   leased_until | bigint       | BIGINT          | INTEGER | for how long without a further word of its own; the database's
 *                |              |                 |         | time in milliseconds since 1970
 */
export const lockTable: Migration = {
  version: 3,
  name: 'lock',
  statements: {
    postgres: [
      `CREATE TABLE IF NOT EXISTS nestmq_lock (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  leased_until bigint NOT NULL
)`,
    ],
    mysql: [
      `CREATE TABLE IF NOT EXISTS nestmq_lock (
  name VARBINARY(128) NOT NULL PRIMARY KEY,
  owner VARBINARY(64) NOT NULL,
  leased_until BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
    ],
    sqlite: [
      `CREATE TABLE IF NOT EXISTS nestmq_lock (
  name TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  leased_until INTEGER NOT NULL
) WITHOUT ROWID`,
    ],
  },
};
