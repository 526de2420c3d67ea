import { PagedBytes } from './paged-bytes.js';

/** The unit in which a disk's cache is written back. */
export const PAGE_BYTES = 4096;

/** A change of a file that no sync has covered yet. */
export type PendingExtent =
  | { readonly operation: number; readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly operation: number; readonly kind: 'truncate'; readonly size: number };

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
   * A sync that failed: Linux marks the pages clean, so that they read as written, the next sync reports success, and
   * they are not on the disk (fsyncgate).
   */
  loseUnsynced(): void {
    this.pending = [];
  }
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
