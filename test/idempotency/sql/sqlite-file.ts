import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sqlite from 'node-sqlite3-wasm';

/** Databases in a folder of their own, closed and removed by `close`. */
export class SqliteFiles {
  private readonly folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
  private readonly opened: sqlite.Database[] = [];

  open(name = 'application.db'): sqlite.Database {
    const database = new sqlite.Database(join(this.folder, name));
    this.opened.push(database);
    return database;
  }

  close(): void {
    for (const database of this.opened.splice(0)) if (database.isOpen) database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
