import type { Migration } from './migration.js';

/**
 * nestmq_inbox: one row for each message that is being handled or was handled.
 *
 *   column       | postgres         | mysql          | sqlite  | holds
 *   -------------+------------------+----------------+---------+----------------------------------------------------------
 *   message_key  | text COLLATE "C" | VARBINARY(512) | TEXT    | the key; compared byte by byte: MySQL's text collations
 *                |                  |                |         | take 'a' for 'a ', and most of them 'A' for 'a'
 *   token        | text             | VARBINARY(64)  | TEXT    | of the attempt that wrote the row; stays when it has
 *                |                  |                |         | completed, so that completing twice is one
 *   leased_until | bigint, null     | BIGINT         | INTEGER | the attempt's until then; null: handled
 *   expires_at   | bigint           | BIGINT         | INTEGER | as if the row were not there from then on; indexed: the
 *                |                  |                |         | clean-up's way
 *   fingerprint  | text, null       | VARBINARY(512) | TEXT    | of the payload; null: not compared
 *   result       | bytea, null      | LONGBLOB       | BLOB    | what the listener returned, if that is kept
 *
 * Times are the database's own, in milliseconds since 1970. About 250 bytes a row with its indexes.
 */
export const inboxTable: Migration = {
  version: 1,
  name: 'inbox',
  statements: {
    postgres: [
      `CREATE TABLE IF NOT EXISTS nestmq_inbox (
  message_key text COLLATE "C" NOT NULL PRIMARY KEY,
  token text NOT NULL,
  leased_until bigint,
  expires_at bigint NOT NULL,
  fingerprint text COLLATE "C",
  result bytea
)`,
      'CREATE INDEX IF NOT EXISTS nestmq_inbox_expires_at ON nestmq_inbox (expires_at)',
    ],
    mysql: [
      `CREATE TABLE IF NOT EXISTS nestmq_inbox (
  message_key VARBINARY(512) NOT NULL PRIMARY KEY,
  token VARBINARY(64) NOT NULL,
  leased_until BIGINT,
  expires_at BIGINT NOT NULL,
  fingerprint VARBINARY(512),
  result LONGBLOB,
  INDEX nestmq_inbox_expires_at (expires_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
    ],
    sqlite: [
      `CREATE TABLE IF NOT EXISTS nestmq_inbox (
  message_key TEXT NOT NULL PRIMARY KEY,
  token TEXT NOT NULL,
  leased_until INTEGER,
  expires_at INTEGER NOT NULL,
  fingerprint TEXT,
  result BLOB
) WITHOUT ROWID`,
      'CREATE INDEX IF NOT EXISTS nestmq_inbox_expires_at ON nestmq_inbox (expires_at)',
    ],
  },
};
