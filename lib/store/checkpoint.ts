import type { Logger } from '../platform/index.js';
import type { SnapshotFile } from './state/snapshot-file.js';
import type { QueueEnds } from './types.js';

/** Up to where everything derived is on the disk, so that recovery need not begin at the start of the log. */
export interface Checkpoint {
  /** Log offset; the queue ends below are those of exactly this offset. */
  readonly logOffset: number;
  /** The store was closed in order at this offset. */
  readonly clean: boolean;
  /** Most bytes at the log's end that the writing process left unsynced at any time. */
  readonly unsyncedBytes: number;
  readonly queues: readonly QueueEnds[];
}

// Doubles, big-endian, inside a snapshot file that has magic and CRC:
//
//   0         8            16       24               32
//   +---------+------------+--------+----------------+--------------------------------------------+
//   | version | log offset | clean  | unsynced bytes | topic number, queue id, min, next   (each) |
//   +---------+------------+--------+----------------+--------------------------------------------+
const VERSION = 1;
const HEADER = 32;
const QUEUE = 32;

export async function writeCheckpoint(file: SnapshotFile, checkpoint: Checkpoint): Promise<void> {
  const bytes = Buffer.allocUnsafe(HEADER + checkpoint.queues.length * QUEUE);
  let at = 0;
  for (const value of [VERSION, checkpoint.logOffset, checkpoint.clean ? 1 : 0, checkpoint.unsyncedBytes])
    at = bytes.writeDoubleBE(value, at);
  for (const queue of checkpoint.queues) {
    at = bytes.writeDoubleBE(queue.topicNumber, at);
    at = bytes.writeDoubleBE(queue.queueId, at);
    at = bytes.writeDoubleBE(queue.minOffset, at);
    at = bytes.writeDoubleBE(queue.nextOffset, at);
  }
  await file.write(bytes);
}

/** Undefined when there is none that can be read: all it says can be found in the log again. */
export async function readCheckpoint(file: SnapshotFile, logger: Logger): Promise<Checkpoint | undefined> {
  let bytes: Buffer | undefined;
  try {
    bytes = await file.load();
  } catch (error) {
    logger.warn(`The checkpoint cannot be read (${String(error)}); everything is derived from the log anew.`);
    return undefined;
  }
  if (bytes === undefined || bytes.length < HEADER || bytes.readDoubleBE(0) !== VERSION) return undefined;
  const queues: QueueEnds[] = [];
  for (let at = HEADER; at + QUEUE <= bytes.length; at += QUEUE) {
    queues.push({
      topicNumber: bytes.readDoubleBE(at),
      queueId: bytes.readDoubleBE(at + 8),
      minOffset: bytes.readDoubleBE(at + 16),
      nextOffset: bytes.readDoubleBE(at + 24),
    });
  }
  return {
    logOffset: bytes.readDoubleBE(8),
    clean: bytes.readDoubleBE(16) === 1,
    unsyncedBytes: bytes.readDoubleBE(24),
    queues,
  };
}
