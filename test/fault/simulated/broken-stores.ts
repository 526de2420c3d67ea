import { crc32 } from 'node:zlib';
import type { FileHandle, FileSystem, SimulatedFileSystem } from '../../../lib/platform/index.js';
import {
  ExtensionProperty,
  recordBody,
  recordPhysicalOffset,
  recordProperties,
  recordTopic,
  recordTotalSize,
  removeProperties,
} from '../../../lib/protocol/index.js';
import type { MessageStore, PutCallback, PutOutcomes, PutResult, StoreMessage } from '../../../lib/store/index.js';
import { Segments } from '../../../lib/store/commitlog/segments.js';
import { DedupWindow } from '../../../lib/store/dedup/dedup-window.js';
import { ConsumeQueue } from '../../../lib/store/queue/consume-queue.js';
import { ENTRY_BYTES } from '../../../lib/store/queue/queue-files.js';
import { HalfRule } from '../../../lib/store/retention/half-rule.js';
import { QueueBounds } from '../../../lib/store/state/queue-bounds.js';
import { HalfIndex } from '../../../lib/store/transactions/half-index.js';

/** How a store differs from the real one. Every hook is used for the first life and for each recovery. */
export interface Seam {
  readonly disk?: (disk: SimulatedFileSystem) => FileSystem;
  /** Changes the classes of this thread. */
  readonly install?: () => void;
  readonly store?: (store: MessageStore) => void;
  /** How often the policies that leave it to chance are tried at each operation; 1 unless it takes luck. */
  readonly draws?: number;
  /** Changes what a crash has left before it is recovered. */
  readonly image?: (image: SimulatedFileSystem) => void;
}

/** Stores with one mistake each, which the harness has to find. */
export const BROKEN_STORES = {
  'acknowledges before the sync': {
    disk: (disk: SimulatedFileSystem) =>
      withHandles(disk, (path, handle) =>
        path.includes('/commitlog/') ? { ...handle, datasync: () => Promise.resolve() } : handle,
      ),
  },
  'acknowledges before its one call has synced': {
    disk: (disk: SimulatedFileSystem) =>
      withHandles(disk, (path, handle) =>
        path.includes('/commitlog/')
          ? { ...handle, writeSynced: (parts, position) => handle.write(Buffer.concat(parts), position) }
          : handle,
      ),
  },
  'takes a synced write for a sync of all before it': {
    install: () => {
      const { write } = Segments.prototype;
      Segments.prototype.write = function (this: Segments, ...args) {
        (this as unknown as { unsynced: boolean }).unsynced = false;
        return write.apply(this, args);
      };
    },
  },
  'dispatches what is not visible yet': { store: dispatchAtOnce },
  'has no CRC over the properties': { image: forgiveProperties, draws: 6 },
  'gives queue offsets again after retention': {
    install: () => {
      const save = QueueBounds.prototype.save;
      QueueBounds.prototype.save = function (this: QueueBounds, logMinOffset, bounds, exists) {
        // Queues that lost all their messages are forgotten; the others are found in the log.
        const kept = [...bounds].filter(({ next, min }) => min < next);
        return save.call(this, logMinOffset, kept, exists);
      };
    },
  },
  'lets half messages expire': {
    install: () => {
      HalfRule.prototype.candidates = () => Promise.resolve([]);
    },
  },
  'does not see that a transaction was ended': {
    install: () => {
      const dispatch = HalfIndex.prototype.dispatch;
      HalfIndex.prototype.dispatch = function (this: HalfIndex, entry) {
        const properties = removeProperties(entry.properties, [ExtensionProperty.TRANSACTION_SOURCE]);
        dispatch.call(this, { ...entry, properties });
      };
    },
  },
  'takes a snapshot of the de-duplication for all there is': {
    install: () => {
      const window = DedupWindow.prototype as unknown as DedupInternals;
      const { restore } = window;
      window.restore = function (this: DedupInternals, payload) {
        restore.call(this, payload);
        return Infinity;
      };
    },
  },
  'mixes up the entries that a checkpoint has kept': {
    install: () => {
      const { restoreKept } = ConsumeQueue.prototype;
      ConsumeQueue.prototype.restoreKept = function (this: ConsumeQueue, entries) {
        const first = entries.subarray(0, ENTRY_BYTES);
        const mixed = Buffer.from(entries);
        for (let at = 0; at < mixed.length; at += ENTRY_BYTES) first.copy(mixed, at);
        restoreKept.call(this, mixed);
      };
    },
  },
  'zeroes nothing behind the cut': {
    draws: 6,
    install: () => {
      Segments.prototype.erase = () => Promise.resolve();
    },
  },
} as const satisfies Record<string, Seam>;

export type BrokenStore = keyof typeof BROKEN_STORES;

function withHandles(inner: FileSystem, change: (path: string, handle: FileHandle) => FileHandle): FileSystem {
  return {
    open: async (path, mode) => change(path, await inner.open(path, mode)),
    list: (path) => inner.list(path),
    exists: (path) => inner.exists(path),
    makeDirectory: (path) => inner.makeDirectory(path),
    rename: (from, to) => inner.rename(from, to),
    remove: (path) => inner.remove(path),
    removeDirectory: (path) => inner.removeDirectory(path),
    syncDirectory: (path) => inner.syncDirectory(path),
    diskSpace: (path) => inner.diskSpace(path),
    lock: (path) => inner.lock(path),
  };
}

interface DedupInternals {
  restore(payload: Buffer): number;
}

interface Internals {
  readonly parts: {
    readonly dispatcher: { release(pending: unknown, visibleOffset: number): void };
    readonly log: {
      pending: unknown;
      append(message: StoreMessage, queue: unknown, done: PutCallback | PutOutcomes | undefined, place: number): void;
      syncNow(): Promise<void>;
      readonly appendOffset: number;
    };
  };
}

/** Consumers get a message as soon as it is appended; its sender is told after the sync, as it should be. */
function dispatchAtOnce(store: MessageStore): void {
  const { log, dispatcher } = (store as unknown as Internals).parts;
  const append = log.append.bind(log);
  log.append = (message, queue, done, place) => {
    let result: PutResult | undefined;
    append(message, queue, (_error, stored) => (result = stored), 0);
    dispatcher.release(log.pending, log.appendOffset);
    void log.syncNow().then(() => {
      const { physicalOffset, queueOffset, storeTimestamp, size } = result as PutResult;
      if (typeof done === 'function') done(undefined, result);
      else done?.stored(place, physicalOffset, queueOffset, storeTimestamp, size);
    });
  };
}

const CRC = Buffer.from('__CRC32#\x01');
const CRC_BYTES = 20;

/** Gives every record the CRC that it would need, if nothing but its properties is wrong: as if they were not covered. */
function forgiveProperties(image: SimulatedFileSystem): void {
  for (const path of image.paths()) {
    const name = /\/commitlog\/(\d{20})$/.exec(path)?.[1];
    if (name === undefined) continue;
    const bytes = image.contents(path);
    for (let at = 0; at + 100 < bytes.length;) {
      const size = recordTotalSize(bytes, at);
      const crcAt = at + size - CRC_BYTES;
      if (size < 100 || at + size > bytes.length || recordPhysicalOffset(bytes, at) !== Number(name) + at) break;
      if (bytes.compare(CRC, 0, CRC.length, crcAt, crcAt + CRC.length) !== 0 || !bodyIsWhole(bytes, at)) break;
      let crc = crc32(bytes.subarray(at, crcAt)) & 0x7fff_ffff;
      const digits = Buffer.alloc(10);
      for (let digit = 0; digit < 10; digit++, crc = Math.floor(crc / 10)) digits[digit] = 48 + (crc % 10);
      image.damage(path, crcAt + CRC.length, digits);
      at += size;
    }
  }
}

function bodyIsWhole(bytes: Buffer, at: number): boolean {
  const body = recordBody(bytes, at);
  if (body.length === 0 || recordTopic(bytes, at) === '' || recordProperties(bytes, at) === '') return false;
  return (crc32(body) & 0x7fff_ffff) === bytes.readUInt32BE(at + 8);
}
