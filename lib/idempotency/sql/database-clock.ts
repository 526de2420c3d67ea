import type { SqlDialect } from './sql-adapter.js';

/**
 * The database's clock as an expression: whole milliseconds since 1970, the moment of the statement and not that of the
 * transaction. All times in nestmq's tables are such numbers: one type and one arithmetic in every dialect, and no time zone
 * of a session in between (MySQL's `UNIX_TIMESTAMP(NOW())` is an hour off twice a year where the session's zone is not UTC).
 */
export const NOW_MILLIS: Readonly<Record<SqlDialect, string>> = {
  postgres: 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)',
  mysql: "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000)",
  sqlite: "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
};
