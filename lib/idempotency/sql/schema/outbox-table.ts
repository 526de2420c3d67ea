import { OUTBOX_LANES } from '../../outbox/outbox-lanes.js';
import type { Migration } from './migration.js';

const LANES = `nestmq_outbox_lane (lane) VALUES ${Array.from({ length: OUTBOX_LANES }, (_, lane) => `(${lane})`).join(', ')}`;

// nestmq_outbox: what is to be sent, written in the transactions of the business data.
//
//   | seq | id | lane | topic | order_key | headers | body | body_bytes | created_at |    as written
//   | attempts | held_until | failed_at | error | sent_at |                               what became of it
//
//   seq         given by the database when the row is written; rows of one key are sent in its order
//   id          the message's unique id: the same however often the row is sent
//   lane        0 to 63, a hash of topic and order key; without a key a hash of the id
//   headers     JSON of what a message has beside topic, key and body
//   held_until  not before then, and none behind it with its topic and key: null, or a time; of a failed row the end of time
//   *_at        milliseconds since 1970, by the clock of the database
//
// A row waits while `sent_at` is null. Sent ones stay, for people to look at, until they are cleaned away.
//
// nestmq_outbox_lane: who sends the rows of a lane at this moment.
//
//   | lane | owner | lease_until |
//
// A lane is free when `lease_until` has passed. Who finds an owner in a free lane takes over from one that died.

export const outboxTable: Migration = {
  version: 2,
  name: 'outbox',
  statements: {
    postgres: [
      `CREATE TABLE IF NOT EXISTS nestmq_outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id varchar(64) NOT NULL UNIQUE,
  lane smallint NOT NULL,
  topic text NOT NULL,
  order_key text,
  headers text NOT NULL,
  body bytea NOT NULL,
  body_bytes integer NOT NULL,
  created_at bigint NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  held_until bigint,
  failed_at bigint,
  error text,
  sent_at bigint
)`,
      `CREATE INDEX IF NOT EXISTS nestmq_outbox_waiting ON nestmq_outbox (lane, seq) WHERE sent_at IS NULL`,
      `CREATE INDEX IF NOT EXISTS nestmq_outbox_held ON nestmq_outbox (lane, held_until) WHERE held_until IS NOT NULL`,
      `CREATE INDEX IF NOT EXISTS nestmq_outbox_sent ON nestmq_outbox (sent_at) WHERE sent_at IS NOT NULL`,
      `CREATE TABLE IF NOT EXISTS nestmq_outbox_lane (
  lane smallint PRIMARY KEY,
  owner varchar(64),
  lease_until bigint NOT NULL DEFAULT 0
)`,
      `INSERT INTO ${LANES} ON CONFLICT DO NOTHING`,
    ],
    mysql: [
      `CREATE TABLE IF NOT EXISTS nestmq_outbox (
  seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
  lane SMALLINT NOT NULL,
  topic VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  order_key TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  headers MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  body LONGBLOB NOT NULL,
  body_bytes INT NOT NULL,
  created_at BIGINT NOT NULL,
  attempts INT NOT NULL DEFAULT 0,
  held_until BIGINT,
  failed_at BIGINT,
  error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  sent_at BIGINT,
  KEY nestmq_outbox_waiting (sent_at, lane, seq),
  KEY nestmq_outbox_held (lane, held_until)
) ENGINE = InnoDB`,
      `CREATE TABLE IF NOT EXISTS nestmq_outbox_lane (
  lane SMALLINT NOT NULL PRIMARY KEY,
  owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  lease_until BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB`,
      `INSERT IGNORE INTO ${LANES}`,
    ],
    sqlite: [
      `CREATE TABLE IF NOT EXISTS nestmq_outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  lane INTEGER NOT NULL,
  topic TEXT NOT NULL,
  order_key TEXT,
  headers TEXT NOT NULL,
  body BLOB NOT NULL,
  body_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  held_until INTEGER,
  failed_at INTEGER,
  error TEXT,
  sent_at INTEGER
)`,
      `CREATE INDEX IF NOT EXISTS nestmq_outbox_waiting ON nestmq_outbox (lane, seq) WHERE sent_at IS NULL`,
      `CREATE INDEX IF NOT EXISTS nestmq_outbox_held ON nestmq_outbox (lane, held_until) WHERE held_until IS NOT NULL`,
      `CREATE INDEX IF NOT EXISTS nestmq_outbox_sent ON nestmq_outbox (sent_at) WHERE sent_at IS NOT NULL`,
      `CREATE TABLE IF NOT EXISTS nestmq_outbox_lane (
  lane INTEGER PRIMARY KEY,
  owner TEXT,
  lease_until INTEGER NOT NULL DEFAULT 0
)`,
      `INSERT INTO ${LANES} ON CONFLICT DO NOTHING`,
    ],
  },
};
