import { crc32 } from 'node:zlib';
import type { FileHandle, FileSystem, Logger } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { Coalesced } from './coalesced.js';
import { readWhole } from './read-whole.js';
import { SnapshotFile } from './snapshot-file.js';
import { writeFailure } from './write-failure.js';

/*
 * One batch of changes in the journal:
 *
 *   0          4          8          12             12+n
 *   +----------+----------+----------+--------------+
 *   | F5 'NMJ' | length n | CRC-32   | JSON         |   [[key, value | null], …]; null deletes
 *   +----------+----------+----------+--------------+
 *   The CRC covers length and JSON. The first byte occurs in no UTF-8 text, so a batch is not mistaken inside another.
 */
const BATCH_MAGIC = 0xf54e4d4a;
const BATCH_HEADER = 12;
/** Below this a journal is never folded into a snapshot; above it, when it outgrew the snapshot. */
const FOLD_BYTES = 64 * 1024;

interface Snapshot<V> {
  generation: number;
  entries: [string, V][];
}

/**
 * A small table that lives in memory and on disk: a snapshot and a journal of the changes since. A change costs one
 * appended batch (creating 10,000 entries one after the other does not write 10,000 snapshots), concurrent changes
 * share one. Readers see a change only once it is durable.
 *
 * Generation g is `snapshot g` + `journal g`; folding writes snapshot g+1, then changes go to journal g+1. The older
 * pair is kept until the next fold: when the newest snapshot is damaged, the one before plus both journals lose nothing.
 */
export class JournaledTable<V> {
  private entries = new Map<string, V>();
  private staged = new Map<string, V | undefined>();
  private generation = 0;
  private journal: FileHandle | undefined;
  private journalEnd = 0;
  private snapshotGeneration = 0;
  private oldestJournal = 0;
  private snapshotBytes = 0;
  private mustFold = false;
  private closed = false;
  private writing = new Map<string, V | undefined>();
  private readonly snapshot: SnapshotFile;
  private readonly writer = new Coalesced(() => this.writeStaged());

  private constructor(
    private readonly fileSystem: FileSystem,
    private readonly directory: string,
    private readonly name: string,
    private readonly logger: Logger,
  ) {
    this.snapshot = new SnapshotFile(fileSystem, directory, name, logger);
  }

  /** @throws MessagingError STORE_DAMAGED when what was once durable cannot be read. */
  static async open<V>(
    fileSystem: FileSystem,
    directory: string,
    name: string,
    logger: Logger,
  ): Promise<JournaledTable<V>> {
    const table = new JournaledTable<V>(fileSystem, directory, name, logger);
    await table.load();
    return table;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: string): V | undefined {
    return this.entries.get(key);
  }

  all(): IterableIterator<[string, V]> {
    return this.entries.entries();
  }

  values(): IterableIterator<V> {
    return this.entries.values();
  }

  /** What the entry will be once the changes under way are durable: the base for the next change. */
  peek(key: string): V | undefined {
    return this.staged.has(key)
      ? this.staged.get(key)
      : this.writing.has(key)
        ? this.writing.get(key)
        : this.entries.get(key);
  }

  /** Resolves when the change is durable and visible; after a rejection the entry is as before (on disk perhaps changed). */
  set(key: string, value: V | undefined): Promise<void> {
    if (this.closed) {
      return Promise.reject(
        new MessagingError('STORE_CLOSED', `${this.directory}/${this.name} is closed; the change was not taken.`),
      );
    }
    this.staged.set(key, value);
    return this.writer.run();
  }

  /** Resolves when the changes made so far are durable. */
  settle(): Promise<void> {
    return this.writing.size === 0 && this.staged.size === 0 ? Promise.resolve() : this.writer.run();
  }

  /** Never rejects: what was acknowledged is on the disk already. */
  async close(): Promise<void> {
    this.closed = true;
    await this.writer.settled();
    await this.closeJournal();
  }

  private async writeStaged(): Promise<void> {
    if (this.staged.size === 0) return;
    this.writing = this.staged;
    this.staged = new Map();
    try {
      if (this.mustFold) await this.fold();
      else await this.append();
      for (const [key, value] of this.writing) {
        if (value === undefined) this.entries.delete(key);
        else this.entries.set(key, value);
      }
    } catch (error) {
      // What the failed write left on disk is unknown and the descriptor cannot be trusted: begin anew with a snapshot.
      this.mustFold = true;
      throw writeFailure(`${this.directory}/${this.name}`, error);
    } finally {
      this.writing = new Map();
    }
    if (this.journalEnd > FOLD_BYTES && this.journalEnd > 2 * this.snapshotBytes) {
      // The changes are durable already, so a failure here is nobody's but the next writer's.
      await this.fold().catch((error: unknown) => {
        this.mustFold = true;
        this.logger.warn(writeFailure(`${this.directory}/${this.name}`, error).message);
      });
    }
  }

  private async append(): Promise<void> {
    const changes: [string, V | null][] = [];
    for (const [key, value] of this.writing) changes.push([key, value ?? null]);
    const json = Buffer.from(JSON.stringify(changes));
    const batch = Buffer.allocUnsafe(BATCH_HEADER + json.length);
    batch.writeUInt32BE(BATCH_MAGIC, 0);
    batch.writeUInt32BE(json.length, 4);
    json.copy(batch, BATCH_HEADER);
    batch.writeUInt32BE(crc32(json, crc32(batch.subarray(4, 8))) >>> 0, 8);
    const created = this.journal === undefined;
    this.journal ??= await this.fileSystem.open(this.journalPath(this.generation), 'create');
    await this.journal.write(batch, this.journalEnd);
    await this.journal.datasync();
    if (created) await this.fileSystem.syncDirectory(this.directory);
    this.journalEnd += batch.length;
  }

  private async fold(): Promise<void> {
    const merged = new Map(this.entries);
    for (const [key, value] of this.writing) {
      if (value === undefined) merged.delete(key);
      else merged.set(key, value);
    }
    const state: Snapshot<V> = { generation: this.generation + 1, entries: [...merged] };
    const payload = Buffer.from(JSON.stringify(state));
    // Left over from a fold that failed half-way: its batches would be taken for changes after the new snapshot.
    await this.fileSystem.remove(this.journalPath(this.generation + 1));
    await this.snapshot.write(payload);
    await this.closeJournal();
    this.generation++;
    this.journalEnd = 0;
    this.snapshotBytes = payload.length;
    this.mustFold = false;
    // The kept predecessor of the snapshot is the one that was newest until now; only journals older than that are done.
    while (this.oldestJournal < this.snapshotGeneration)
      await this.fileSystem.remove(this.journalPath(this.oldestJournal++));
    this.snapshotGeneration = this.generation;
  }

  private async load(): Promise<void> {
    const payload = await this.snapshot.load();
    if (payload !== undefined) {
      const state = JSON.parse(payload.toString()) as Snapshot<V>;
      this.entries = new Map(state.entries);
      this.generation = state.generation;
      this.snapshotGeneration = state.generation;
      this.oldestJournal = Math.max(0, state.generation - 1);
      this.snapshotBytes = payload.length;
    }
    let end = await this.replay(this.generation);
    while (await this.fileSystem.exists(this.journalPath(this.generation + 1)))
      end = await this.replay(++this.generation);
    if (end === undefined) return;
    // Appending goes on in place, so the torn tail has to be gone first: a shorter batch would leave its end behind.
    this.journal = await this.fileSystem.open(this.journalPath(this.generation), 'write');
    this.journalEnd = end;
    if ((await this.journal.size()) > end) {
      await this.journal.truncate(end);
      await this.journal.datasync();
    }
  }

  /** Applies a journal's valid batches; returns where they end, undefined when there is no such journal. */
  private async replay(generation: number): Promise<number | undefined> {
    const path = this.journalPath(generation);
    const bytes = await readWhole(this.fileSystem, path);
    if (bytes === undefined) return undefined;
    let at = 0;
    for (let json = batchAt(bytes, at); json !== undefined; json = batchAt(bytes, at)) {
      for (const [key, value] of JSON.parse(json.toString()) as [string, V | null][]) {
        if (value === null) this.entries.delete(key);
        else this.entries.set(key, value);
      }
      at += BATCH_HEADER + json.length;
    }
    // At most one batch is unsynced at a time, so a valid one after an invalid one means that synced bytes went bad.
    for (let later = at + 1; later < bytes.length - BATCH_HEADER; later++) {
      if (bytes[later] === BATCH_MAGIC >>> 24 && batchAt(bytes, later) !== undefined) {
        throw new MessagingError(
          'STORE_DAMAGED',
          `The state file ${path} is damaged at byte ${at}, in front of valid changes at byte ${later}. Restore it from a backup of the store.`,
        );
      }
    }
    return at;
  }

  private journalPath(generation: number): string {
    return `${this.directory}/${this.name}.journal.${generation}`;
  }

  private async closeJournal(): Promise<void> {
    const journal = this.journal;
    this.journal = undefined;
    await journal?.close().catch((error: unknown) => {
      this.logger.warn(`${this.directory}/${this.name}: its journal could not be closed: ${String(error)}`);
    });
  }
}

function batchAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + BATCH_HEADER > bytes.length || bytes.readUInt32BE(at) !== BATCH_MAGIC) return undefined;
  const length = bytes.readUInt32BE(at + 4);
  if (at + BATCH_HEADER + length > bytes.length) return undefined;
  const json = bytes.subarray(at + BATCH_HEADER, at + BATCH_HEADER + length);
  return crc32(json, crc32(bytes.subarray(at + 4, at + 8))) >>> 0 === bytes.readUInt32BE(at + 8) ? json : undefined;
}
