import type { Logger } from '../platform/index.js';
import { ENTRY_BYTES } from './queue/queue-files.js';
import type { SnapshotFile } from './state/snapshot-file.js';

/** Up to where everything derived is on the disk, so that recovery need not begin at the start of the log. */
export interface Checkpoint {
  /** Log offset; the queue ends below are those of exactly this offset. */
  readonly logOffset: number;
  /** The store was closed in order at this offset. */
  readonly clean: boolean;
  /** Most bytes at the log's end that the writing process left unsynced at any time. */
  readonly unsyncedBytes: number;
  readonly queues: readonly CheckpointQueue[];
}

export interface CheckpointQueue {
  readonly topicNumber: number;
  readonly queueId: number;
  readonly minOffset: number;
  readonly nextOffset: number;
  /** Entries below are in the queue's files; those from here up to `nextOffset` stand in the checkpoint itself. */
  readonly flushedOffset: number;
}

export interface StoredCheckpoint extends Checkpoint {
  /** Those that no file has, of one queue after the other. */
  readonly entries: Buffer;
}

/** Puts entries of the n-th queue into `target` as they are stored. */
export type EntrySource = (queue: number, target: Buffer, at: number, from: number, to: number) => void;

/*
 * Doubles, big-endian, inside a snapshot file that has magic and CRC:
 *
 *   0         8            16      24               32       40
 *   +---------+------------+-------+----------------+--------+------------------------------------------------------+
 *   | version | log offset | clean | unsynced bytes | queues | topic number, queue id, min, next, flushed    (each) |
 *   +---------+------------+-------+----------------+--------+------------------------------------------------------+
 *   | entries from `flushed` up to `next` of the first queue, of the second, ...: 20 bytes each, as queue files have |
 *   +-----------------------------------------------------------------------------------------------------------------+
 *
 * Version 1 had neither the number of queues nor entries: `next` was what the files had.
 *
 * Why entries stand here: a file of its own for each queue means a write and a sync for each queue that has changed, and
 * a checkpoint of ten thousand of them kept a core busy for seconds, for a few entries each. One sync covers them here.
 * What is promised stays as it was. The entries that a checkpoint names are durable before it takes the place of the
 * one before: those in queue files because the files were synced first, those in here because file and name are. A
 * crash in between leaves the older checkpoint, whose `flushed` is no higher than what was synced for it; what files
 * have beyond that is cut, and derived from the log again.
 */
const VERSION = 2;
const WITHOUT_ENTRIES = 1;
const HEADER = 40;
const QUEUE = 40;
const HEADER_1 = 32;
const QUEUE_1 = 32;
/** Entries are put together in pieces of this size, and the host's loop has its turn after each (13,000 entries: 1 ms). */
const PIECE_ENTRIES = 13_000;

export async function writeCheckpoint(
  file: SnapshotFile,
  checkpoint: Checkpoint,
  entriesOf: EntrySource,
): Promise<void> {
  const { logOffset, clean, unsyncedBytes, queues } = checkpoint;
  const bytes = Buffer.allocUnsafe(HEADER + queues.length * QUEUE);
  let at = 0;
  for (const value of [VERSION, logOffset, clean ? 1 : 0, unsyncedBytes, queues.length])
    at = bytes.writeDoubleBE(value, at);
  let entries = 0;
  for (const { topicNumber, queueId, minOffset, nextOffset, flushedOffset } of queues) {
    at = bytes.writeDoubleBE(topicNumber, at);
    at = bytes.writeDoubleBE(queueId, at);
    at = bytes.writeDoubleBE(minOffset, at);
    at = bytes.writeDoubleBE(nextOffset, at);
    at = bytes.writeDoubleBE(flushedOffset, at);
    entries += nextOffset - flushedOffset;
  }
  if (entries === 0) return file.write(bytes);
  return file.writePieces(bytes.length + entries * ENTRY_BYTES, pieces(bytes, queues, entriesOf));
}

/** Each is asked for once the one before has been written, whose memory it takes. */
function* pieces(head: Buffer, queues: readonly CheckpointQueue[], entriesOf: EntrySource): Generator<Buffer> {
  yield head;
  // One for all of them: as new memory for each they were 64 MiB a checkpoint that a full table of entries waited for the collector.
  const piece = Buffer.allocUnsafe(PIECE_ENTRIES * ENTRY_BYTES);
  let filled = 0;
  for (const [queue, { flushedOffset, nextOffset }] of queues.entries()) {
    for (let from = flushedOffset; from < nextOffset;) {
      const to = Math.min(nextOffset, from + PIECE_ENTRIES - filled);
      entriesOf(queue, piece, filled * ENTRY_BYTES, from, to);
      filled += to - from;
      from = to;
      if (filled < PIECE_ENTRIES) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled * ENTRY_BYTES);
}

/** Undefined when there is none that can be read: all it says can be found in the log again. */
export async function readCheckpoint(file: SnapshotFile, logger: Logger): Promise<StoredCheckpoint | undefined> {
  let bytes: Buffer | undefined;
  try {
    bytes = await file.load();
  } catch (error) {
    logger.warn(`The checkpoint cannot be read (${String(error)}); everything is derived from the log anew.`);
    return undefined;
  }
  if (bytes === undefined || bytes.length < HEADER_1) return undefined;
  const version = bytes.readDoubleBE(0);
  if (version !== VERSION && version !== WITHOUT_ENTRIES) return undefined;
  const old = version === WITHOUT_ENTRIES;
  const queues: CheckpointQueue[] = [];
  const end = old ? bytes.length - QUEUE_1 : HEADER + (bytes.readDoubleBE(32) - 1) * QUEUE;
  let at = old ? HEADER_1 : HEADER;
  for (; at <= end; at += old ? QUEUE_1 : QUEUE) {
    queues.push({
      topicNumber: bytes.readDoubleBE(at),
      queueId: bytes.readDoubleBE(at + 8),
      minOffset: bytes.readDoubleBE(at + 16),
      nextOffset: bytes.readDoubleBE(at + 24),
      flushedOffset: bytes.readDoubleBE(at + (old ? 24 : 32)),
    });
  }
  return {
    logOffset: bytes.readDoubleBE(8),
    clean: bytes.readDoubleBE(16) === 1,
    unsyncedBytes: bytes.readDoubleBE(24),
    queues,
    entries: bytes.subarray(at),
  };
}
