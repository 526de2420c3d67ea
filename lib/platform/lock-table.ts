import type { FileLock } from './file-system.js';

/** Locks of the file systems in memory: exclusive within the object that stands for the disk. */
export class LockTable {
  private readonly holders = new Map<string, string>();

  take(path: string): FileLock | { holder: string } {
    const holder = this.holders.get(path);
    if (holder !== undefined) return { holder };
    this.holders.set(path, JSON.stringify({ pid: process.pid, host: 'in-memory' }));
    let held = true;
    return {
      describe: async (text) => {
        if (held) this.holders.set(path, text);
      },
      release: async () => {
        if (held) this.holders.delete(path);
        held = false;
      },
    };
  }
}
