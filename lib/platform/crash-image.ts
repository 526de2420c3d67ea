import type { PagedBytes } from './paged-bytes.js';
import type { Random } from './random.js';
import {
  applyEdit,
  applyExtent,
  type DirectoryChange,
  PAGE_BYTES,
  type PendingExtent,
  SimulatedDirectory,
  type SimulatedEntry,
  SimulatedFile,
} from './simulated-file.js';

/**
 * What of the unsynced survives a power loss:
 * `none`: nothing; `all`: everything; `prefix`: what was asked for before a random moment, across all files, the last
 * write in part; `random-pages`: each page of 4 KiB in any of its versions, one of them torn at a sector of 512 bytes, and
 * any of the directory entries (those of one file in order).
 */
export type CrashPolicy = 'none' | 'all' | 'prefix' | 'random-pages';

export const CRASH_POLICIES: readonly CrashPolicy[] = ['none', 'all', 'prefix', 'random-pages'];

const SECTOR_BYTES = 512;

/** A copy of the tree below `root` as the next start finds it. Pages are shared until one of the two is written to. */
export function crashImage(root: SimulatedDirectory, policy: CrashPolicy, random: Random): SimulatedDirectory {
  return new CrashImage(root, policy, random).directory(root);
}

class CrashImage {
  private readonly files = new Map<SimulatedFile, SimulatedFile>();
  private readonly kept = new Map<DirectoryChange, boolean>();
  /** Files of which a change of name was dropped: their later ones go too, or one file would get two names. */
  private readonly stuck = new Set<SimulatedEntry>();
  private readonly cut: number;
  private torn = false;

  constructor(
    root: SimulatedDirectory,
    private readonly policy: CrashPolicy,
    private readonly random: Random,
  ) {
    const operations = policy === 'prefix' ? pendingOperations(root) : [];
    this.cut = operations[random.below(operations.length + 1)] ?? Number.POSITIVE_INFINITY;
  }

  directory(from: SimulatedDirectory): SimulatedDirectory {
    const table = new Map(from.durable);
    for (const change of from.pending) {
      if (!this.keeps(change)) continue;
      for (const edit of change.edits) if (edit.directory === from) applyEdit(table, edit);
    }
    const image = new SimulatedDirectory();
    for (const [name, entry] of table) {
      const copy = entry instanceof SimulatedFile ? this.file(entry) : this.directory(entry);
      image.durable.set(name, copy);
      image.current.set(name, copy);
    }
    return image;
  }

  private keeps(change: DirectoryChange): boolean {
    let kept = this.kept.get(change);
    if (kept === undefined) {
      kept = this.decide(change);
      this.kept.set(change, kept);
    }
    return kept;
  }

  private decide(change: DirectoryChange): boolean {
    if (this.policy === 'none') return false;
    if (this.policy === 'all') return true;
    if (this.policy === 'prefix') return change.operation < this.cut;
    const entries = change.edits.map((edit) => edit.entry).filter((entry) => entry !== undefined);
    if (this.random.next() < 0.5 && !entries.some((entry) => this.stuck.has(entry))) return true;
    for (const entry of entries) this.stuck.add(entry);
    return false;
  }

  private file(from: SimulatedFile): SimulatedFile {
    let image = this.files.get(from);
    if (image === undefined) {
      image = new SimulatedFile(this.content(from));
      this.files.set(from, image);
    }
    return image;
  }

  private content(from: SimulatedFile): PagedBytes {
    const content = from.durable.snapshot();
    if (this.policy === 'all') for (const extent of from.pending) applyExtent(content, extent);
    else if (this.policy === 'prefix') this.applyPrefix(content, from.pending);
    else if (this.policy === 'random-pages') this.applyRandomPages(content, from.pending);
    return content;
  }

  private applyPrefix(content: PagedBytes, pending: readonly PendingExtent[]): void {
    for (const extent of pending) {
      if (extent.operation < this.cut) applyExtent(content, extent);
      else if (extent.operation === this.cut && extent.kind === 'write')
        content.write(extent.bytes.subarray(0, this.random.below(extent.bytes.length + 1)), extent.position);
    }
  }

  private applyRandomPages(content: PagedBytes, pending: readonly PendingExtent[]): void {
    /** Per page the pieces of the writes that touch it, in order: the cache may have gone out after any of them. */
    const pages = new Map<number, { position: number; bytes: Uint8Array }[]>();
    for (const extent of pending) {
      if (extent.kind === 'truncate') {
        if (this.random.next() < 0.5) continue;
        content.truncate(extent.size);
        for (const pieces of pages.values())
          for (const piece of pieces) piece.bytes = piece.bytes.subarray(0, Math.max(0, extent.size - piece.position));
        continue;
      }
      for (let from = 0; from < extent.bytes.length;) {
        const position = extent.position + from;
        const page = Math.floor(position / PAGE_BYTES);
        const count = Math.min((page + 1) * PAGE_BYTES - position, extent.bytes.length - from);
        const pieces = pages.get(page);
        const piece = { position, bytes: extent.bytes.subarray(from, from + count) };
        if (pieces === undefined) pages.set(page, [piece]);
        else pieces.push(piece);
        from += count;
      }
    }
    for (const pieces of pages.values()) {
      const kept = this.random.below(pieces.length + 1);
      for (const [index, piece] of pieces.entries()) {
        if (piece.bytes.length === 0) continue;
        if (index < kept) content.write(piece.bytes, piece.position);
        else if (index === kept && !this.torn && this.random.next() < 0.25) this.tear(content, piece);
      }
    }
  }

  /** Writes some sectors of the piece and leaves the rest as it was. */
  private tear(content: PagedBytes, piece: { position: number; bytes: Uint8Array }): void {
    this.torn = true;
    for (let from = 0; from < piece.bytes.length;) {
      const position = piece.position + from;
      const count = Math.min(SECTOR_BYTES - (position % SECTOR_BYTES), piece.bytes.length - from);
      if (this.random.next() < 0.5) content.write(piece.bytes.subarray(from, from + count), position);
      from += count;
    }
  }
}

function pendingOperations(directory: SimulatedDirectory, into: number[] = []): number[] {
  const seen = new Set<SimulatedEntry>();
  const visit = (at: SimulatedEntry): void => {
    if (seen.has(at)) return;
    seen.add(at);
    for (const pending of at.pending) into.push(pending.operation);
    if (at instanceof SimulatedFile) return;
    for (const entry of at.current.values()) visit(entry);
    for (const entry of at.durable.values()) visit(entry);
  };
  visit(directory);
  return into.toSorted((a, b) => a - b);
}
