import { PagedBytes } from './paged-bytes.js';

/** The unit in which a disk's cache is written back. */
export const PAGE_BYTES = 4096;

interface PendingWrite {
  readonly operation: number;
  readonly kind: 'write';
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A change of a file that no sync has covered yet. */
export type PendingExtent =
  PendingWrite | { readonly operation: number; readonly kind: 'truncate'; readonly size: number };

/** What processes see (`current`), what a power loss leaves for certain (`durable`), and the way from one to the other. */
export class SimulatedFile {
  readonly durable: PagedBytes;
  readonly current: PagedBytes;
  pending: PendingExtent[] = [];

  constructor(content?: PagedBytes) {
    this.durable = content ?? new PagedBytes(PAGE_BYTES);
    this.current = this.durable.snapshot();
  }

  write(operation: number, bytes: Uint8Array, position: number): void {
    this.current.write(bytes, position);
    this.pending.push({ operation, kind: 'write', position, bytes: bytes.slice() });
  }

  truncate(operation: number, size: number): void {
    this.current.truncate(size);
    this.pending.push({ operation, kind: 'truncate', size });
  }

  sync(): void {
    for (const extent of this.pending) applyExtent(this.durable, extent);
    this.pending = [];
  }

  /**
   * Makes durable what is in the range now, and the size that reading it needs: all that a synced write promises (O_DSYNC). What
   * was written elsewhere in the file stays pending.
   */
  syncRange(position: number, length: number): void {
    const end = Math.min(position + length, this.current.size);
    if (end <= position) return;
    if (this.pending.some((extent) => extent.kind === 'truncate' && extent.size < end)) this.syncSize();
    this.loseRange(position, end - position);
    const bytes = Buffer.alloc(end - position);
    this.current.read(bytes, position);
    this.durable.write(bytes, position);
  }

  /** A sync of the range that failed: nothing of it waits any more, and nothing of it is on the disk. */
  loseRange(position: number, length: number): void {
    this.pending = this.pending.flatMap((extent): PendingExtent[] => {
      if (extent.kind === 'truncate') return [extent];
      const end = position + length - extent.position;
      return [part(extent, 0, position - extent.position), part(extent, end, extent.bytes.length)].filter(
        (rest) => rest.bytes.length > 0,
      );
    });
  }

  /** A journal takes the sizes of a file in order, and cuts what was written before behind each of them. */
  private syncSize(): void {
    let left: PendingWrite[] = [];
    for (const extent of this.pending) {
      if (extent.kind === 'write') {
        left.push(extent);
        continue;
      }
      this.durable.truncate(extent.size);
      left = left.map((write) => part(write, 0, extent.size - write.position));
    }
    this.pending = left;
  }

  /**
   * A sync that failed: Linux marks the pages clean, so that they read as written, the next sync reports success, and
   * they are not on the disk (fsyncgate).
   */
  loseUnsynced(): void {
    this.pending = [];
  }
}

function part(write: PendingWrite, from: number, to: number): PendingWrite {
  const start = Math.max(0, from);
  return { ...write, position: write.position + start, bytes: write.bytes.subarray(start, Math.max(start, to)) };
}

export function applyExtent(target: PagedBytes, extent: PendingExtent): void {
  if (extent.kind === 'write') target.write(extent.bytes, extent.position);
  else target.truncate(extent.size);
}

/** Entries as a name table; every change stays pending until the directory is synced. */
export class SimulatedDirectory {
  readonly durable = new Map<string, SimulatedEntry>();
  readonly current = new Map<string, SimulatedEntry>();
  pending: DirectoryChange[] = [];

  sync(): void {
    for (const change of this.pending) {
      for (const edit of change.edits) {
        applyEdit(edit.directory.durable, edit);
        // A rename between directories is one entry of the journal: it cannot become durable by half.
        if (edit.directory !== this)
          edit.directory.pending = edit.directory.pending.filter((other) => other !== change);
      }
    }
    this.pending = [];
  }
}

export type SimulatedEntry = SimulatedFile | SimulatedDirectory;

export interface DirectoryEdit {
  readonly directory: SimulatedDirectory;
  readonly name: string;
  /** Undefined removes the name. */
  readonly entry: SimulatedEntry | undefined;
}

/** Edits that happen together or not at all: one for a creation or removal, two for a rename. */
export interface DirectoryChange {
  readonly operation: number;
  readonly edits: readonly DirectoryEdit[];
}

export function changeDirectories(operation: number, edits: readonly DirectoryEdit[]): void {
  const change = { operation, edits };
  for (const edit of edits) {
    applyEdit(edit.directory.current, edit);
    if (!edit.directory.pending.includes(change)) edit.directory.pending.push(change);
  }
}

export function applyEdit(table: Map<string, SimulatedEntry>, edit: DirectoryEdit): void {
  if (edit.entry === undefined) table.delete(edit.name);
  else table.set(edit.name, edit.entry);
}
