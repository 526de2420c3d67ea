import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

/**
 * An append-only file of JSON lines, each with a checksum in front:
 *
 *     <8 hex digits: CRC-32 of the JSON> <JSON>\n
 *
 * `append` resolves once its entries are on the disk. Entries that come while a sync runs share the next one. What a
 * crash left half written at the end is cut off on opening; damage before the end is an error, never skipped.
 */
export class Journal<Entry> {
  private pending: string[] = [];
  private next: Promise<void> | undefined;
  private last: Promise<void> = Promise.resolve();

  private constructor(
    private readonly file: FileHandle,
    private position: number,
  ) {}

  /** Opens or creates the file and hands every entry in it to `restore`, oldest first. */
  static async open<Entry>(path: string, restore: (entry: Entry) => void): Promise<Journal<Entry>> {
    const file = await open(path, 'a+');
    const bytes = await file.readFile();
    let end = 0;
    for (let at = 0; at < bytes.length;) {
      const newline = bytes.indexOf(0x0a, at);
      const entry = newline < 0 ? undefined : decode(bytes.toString('utf8', at, newline));
      if (entry === undefined) {
        if (newline >= 0 && newline + 1 < bytes.length) {
          await file.close();
          throw new Error(`${path} is damaged at byte ${at}; start anew with --fresh`);
        }
        break;
      }
      restore(entry as Entry);
      at = end = newline + 1;
    }
    if (end < bytes.length) await file.truncate(end);
    await file.datasync();
    await syncDirectory(dirname(path));
    return new Journal<Entry>(file, end);
  }

  /** The length of the file in bytes. */
  get size(): number {
    return this.position;
  }

  /** Resolves when the entries are durable. After a failed write every later call fails too: what is on the disk is unknown. */
  append(...entries: Entry[]): Promise<void> {
    for (const entry of entries) this.pending.push(encode(entry));
    this.next ??= this.last = this.last.then(() => this.flush());
    return this.next;
  }

  async close(): Promise<void> {
    await this.last.catch(() => undefined);
    await this.file.close();
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.from(this.pending.join(''));
    this.pending = [];
    this.next = undefined;
    await this.file.appendFile(bytes);
    await this.file.datasync();
    this.position += bytes.length;
  }
}

function encode(entry: unknown): string {
  const json = JSON.stringify(entry);
  return `${checksum(json)} ${json}\n`;
}

function decode(line: string): unknown {
  const json = line.slice(9);
  return line.slice(0, 9) === `${checksum(json)} ` ? JSON.parse(json) : undefined;
}

const checksum = (json: string) => crc32(json).toString(16).padStart(8, '0');

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync().finally(() => directory.close());
}
