import type { SqlResult, SqlValue } from '../sql-adapter.js';
import { answersRows, onlyReads, placeholders } from '../sql-values.js';

/** As much of `DatabaseSync` (node:sqlite) and of `Database` (node-sqlite3-wasm) as is used. @publicApi */
export interface SqliteDatabase {
  exec(text: string): unknown;
  prepare(text: string): SqliteStatement;
}

/** @publicApi */
export interface SqliteStatement {
  // The clients differ in how parameters are given, so that no narrower type fits both.
  // oxlint-disable-next-line typescript/no-explicit-any
  all(...parameters: any[]): unknown[];
  // oxlint-disable-next-line typescript/no-explicit-any
  run(...parameters: any[]): unknown;
}

/** Runs one statement at once: SQLite works in this process, on this thread. */
export function runStatement(database: SqliteDatabase, text: string, values: readonly SqlValue[]): SqlResult {
  const statement = database.prepare(placeholders(text));
  try {
    // node-sqlite3-wasm takes all parameters as one array, and only its statements must be let go of by hand.
    const finalize = (statement as { finalize?: () => void }).finalize;
    const parameters = typeof finalize === 'function' ? [values] : values;
    if (answersRows(text)) {
      const rows = statement.all(...parameters) as SqlResult['rows'];
      return { rows, affected: onlyReads(text) ? 0 : rows.length };
    }
    const { changes } = statement.run(...parameters) as { changes: number | bigint };
    return { rows: [], affected: Number(changes) };
  } finally {
    (statement as { finalize?: () => void }).finalize?.();
  }
}
