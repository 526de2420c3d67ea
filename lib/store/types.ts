import type { MessagingError } from '../protocol/index.js';
import type { AlikeBatch, MessageRecord, PropertyParts } from '../protocol/index.js';
import type { FlushTimes } from './commitlog/flush-times.js';

/** What a producer hands to the store. Everything but the offsets and the store's own time and address. */
export interface StoreMessage extends Partial<PropertyParts> {
  topic: string;
  /** Number of the topic, where the sender has just looked it up: its queues are then found without its name. */
  topicNumber?: number;
  queueId: number;
  flag: number;
  sysFlag: number;
  /** Milliseconds since 1970, the producer's clock. */
  bornTimestamp: number;
  /** `ip:port` of the producer. */
  bornHost: string;
  reconsumeTimes: number;
  /** Log offset of the half message for committed transactions, otherwise 0. */
  preparedTransactionOffset: number;
  /** Wire form, without the CRC property. Read only when it has to be, where they are in parts as well. */
  properties: string;
  /** Read before `put` returns, never kept. */
  body: Buffer;
}

/** Messages that are read one at a time, each before the next: `at` may fill and return the same object every time. */
export interface StoreMessages {
  readonly length: number;
  at(place: number): StoreMessage | undefined;
  /** Where all are as the first one but for their bodies and the ends of their ids: those. */
  readonly alike?: AlikeBatch;
}

/** Where an acknowledged message lies. */
export interface PutResult {
  readonly physicalOffset: number;
  readonly queueOffset: number;
  readonly storeTimestamp: number;
  /** Bytes of the stored record. */
  readonly size: number;
}

export type PutCallback = (error: MessagingError | undefined, result: PutResult | undefined) => void;

/** Whole segments go when they are older than this and nobody needs them. */
export interface RetentionOptions {
  /** Age in milliseconds after which a segment may go. Default 72 h. */
  ageMillis?: number;
  /** Age in milliseconds up to which dead letters are carried along. Default 14 days. */
  deadLetterAgeMillis?: number;
  /** A group unseen for this long no longer holds data back, in milliseconds. Default 7 days. */
  inactiveGroupMillis?: number;
  /** RocketMQ's rule: age alone decides, whatever groups have consumed. Default false. */
  strict?: boolean;
  /** How often expiry is looked for, in milliseconds. Default 60 s. */
  checkMillis?: number;
}

export interface StoreOptions {
  /** The store's directory; created when absent. */
  path: string;
  /** `ip:port` written into every record as its store host. */
  storeHost: string;
  /** Size of a log segment in bytes; decided when the store is created, later values are ignored. Default 64 MiB. */
  segmentBytes?: number;
  /** `sync` (default): acknowledged once on the disk. `async`: acknowledged once written; a power cut loses up to 500 ms. */
  flush?: 'sync' | 'async';
  /** Most bytes that are written and not yet synced in `sync` mode. Default 4 MiB. */
  batchBytes?: number;
  /** Memory kept for reading the newest records. Default 64 MiB. */
  tailBytes?: number;
  /** Entries of one consume queue file. Default 300 000. */
  consumeQueueFileEntries?: number;
  /** How often derived state is flushed and the checkpoint moves, in milliseconds. Default 5 s. */
  checkpointMillis?: number;
  /**
   * Consume queues whose files a checkpoint writes and syncs, those with most new entries first; the new entries of
   * the others stand in the checkpoint itself. Default 128.
   */
  queuesPerCheckpoint?: number;
  /**
   * Entries that a checkpoint keeps in the time that it takes to write and sync a file of a queue: of more queues than
   * `queuesPerCheckpoint` only those are written that have enough for it. Default 10,000.
   */
  fileCostEntries?: number;
  /** Most bytes of entries that stand in the checkpoint; beyond them it writes the files of more queues. Default 64 MiB. */
  keptEntryBytes?: number;
  retention?: RetentionOptions;
  /** Memory for the ids of all topics that de-duplicate, in bytes; beyond it the oldest go. Default 64 MiB. */
  dedupMemoryBytes?: number;
  /** Whether messages can be found by id and key. Default false. */
  index?: boolean;
  /** Share of the disk in use above which a warning is logged. Default 0.75. */
  diskSoftRatio?: number;
  /** Share of the disk in use above which sends are refused with DISK_FULL. Default 0.9. */
  diskHardRatio?: number;
  /** Opens a store whose log is damaged in the middle: what is readable on both sides is served, the gap is reported. Default false. */
  acceptDamage?: boolean;
  /**
   * Bytes put by on the disk, so that positions, settings and checkpoints find room when it is full; 0 for none.
   * Default: a 64th of `segmentBytes`, 1 MiB at most.
   */
  reserveBytes?: number;
}

/**
 * One visible record on its way into derived state. The dispatcher uses ONE object for all records: copy the
 * fields that you keep, never the object.
 */
export interface DispatchEntry {
  topic: string;
  queueId: number;
  queueOffset: number;
  physicalOffset: number;
  size: number;
  /** As in the consume queue: hash of the tag, or the time of delivery for SCHEDULE_TOPIC_XXXX. */
  tagsCode: number;
  storeTimestamp: number;
  sysFlag: number;
  /** Wire form, without the CRC property. */
  properties: string;
  /**
   * The same in parts, where it was written like that; then there are neither keys among them nor what only a broker writes.
   * See PropertyParts.
   */
  idBegin?: string;
  idEnd?: number;
  rest?: string | undefined;
}

/**
 * State derived from the log. Records arrive in log order, each once per process, and only when a crash can no longer
 * take them back. After a restart the records from `safeOffset` on arrive again, so `safeOffset` must be set before
 * the target is handed to the dispatcher.
 */
export interface DispatchTarget {
  /** For reports. */
  readonly name: string;
  /** Synchronous and cheap: it runs for every message. Must not throw. */
  dispatch(entry: DispatchEntry): void;
  /** Every record that ends at or below this log offset is durably accounted for in this target. 0 = nothing; Infinity = it needs none. */
  readonly safeOffset: number;
  /** Makes what was dispatched before the call durable, then moves `safeOffset` to the end of the last such record. */
  flush(): Promise<void>;
}

export interface SegmentInfo {
  /** Log offset of its first byte. */
  readonly baseOffset: number;
  /** Log offset behind its last byte in use. */
  readonly endOffset: number;
  /** Store times of its first and last record in milliseconds; -1 while it has none. */
  readonly firstStoreTimestamp: number;
  readonly lastStoreTimestamp: number;
  /** True for the one that is being appended to: it never goes. */
  readonly active: boolean;
}

/** The narrow face of the log for timers and retention: appending. */
export interface LogAppender {
  /** Encodes before it returns; `done` is called in log order once the record is visible, or with the error. */
  put(message: StoreMessage, done: PutCallback): void;
}

/** Where one message of a queue lies in the log. */
export interface QueueEntry {
  readonly physicalOffset: number;
  readonly size: number;
  /** Hash of the tag, or the time of delivery for SCHEDULE_TOPIC_XXXX. */
  readonly tagsCode: number;
}

/** The narrow face of the log for timers and retention: reading and deleting. */
export interface LogReader {
  /** Log offset of the oldest byte. */
  readonly startOffset: number;
  /** Log offset up to which records are visible: a crash cannot take them back. */
  readonly visibleOffset: number;
  /** Oldest first. */
  segments(): readonly SegmentInfo[];
  /** Reads and checks one record; RECORD_INVALID when none starts there, OFFSET_OUT_OF_RANGE outside of the log. Its body is a view. */
  recordAt(physicalOffset: number): Promise<MessageRecord>;
  /** Visits the visible records of [from, to) in log order; `visit` may return a promise to be awaited. */
  scan(from: number, to: number, visit: (record: MessageRecord) => void | Promise<void>): Promise<void>;
  /**
   * Takes the oldest segment away: minimum offsets of its queues move up and are synced first, then the file is recycled
   * or removed in the background. Rejects with BAD_ARGUMENT when only the active one is left.
   */
  deleteOldestSegment(): Promise<void>;
  /** Visible ends of a queue; 0 and 0 when it has never had a message. */
  minOffset(topic: string, queueId: number): number;
  maxOffset(topic: string, queueId: number): number;
  /** Log offset of one entry of a consume queue, or undefined when the queue no longer or not yet has it. */
  physicalOffsetAt(topic: string, queueId: number, queueOffset: number): Promise<number | undefined>;
  /** The same; for a message that damage has swallowed, where the next one lies that was found behind it. */
  physicalOffsetFrom(topic: string, queueId: number, queueOffset: number): Promise<number | undefined>;
}

/** Memory for the answer to a read. */
export interface AnswerRoom {
  /** So many bytes that nobody else looks at. Called once at the most. */
  room(bytes: number): Buffer;
}

export interface ReadQuery {
  topic: string;
  queueId: number;
  offset: number;
  maxMessages: number;
  /** At least one message is answered, however large. */
  maxBytes: number;
  /** Which entries are wanted, by tags code; all when absent. */
  matches?: ((tagsCode: number) => boolean) | undefined;
  /** Which of those are wanted, by the record that begins at `at`; it must not keep the bytes. All when absent. */
  accepts?: ((bytes: Buffer, at: number) => boolean) | undefined;
  /**
   * Where the answer is copied to; whoever gives it decides when that is used again. Default: new memory, or a view of memory
   * of the store that is never used again. Answers of several chunks, which `accepts` may bring about, make no use of it.
   */
  memory?: AnswerRoom | undefined;
}

export type ReadStatus =
  | 'FOUND'
  | 'NO_MATCHED_MESSAGE'
  | 'NO_MATCHED_LOGIC_QUEUE'
  | 'NO_MESSAGE_IN_QUEUE'
  | 'OFFSET_OVERFLOW_ONE'
  | 'OFFSET_OVERFLOW_BADLY'
  | 'OFFSET_TOO_SMALL'
  | 'MESSAGE_WAS_REMOVING';

export interface ReadResult {
  readonly status: ReadStatus;
  /** Where to read on. */
  readonly nextBeginOffset: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  /** Stored records, one behind the other; safe to keep, they are never overwritten unless `ReadQuery.memory` is. */
  readonly chunks: Buffer[];
  readonly messageCount: number;
}

export type StoreState = 'open' | 'fenced' | 'closed';

/** What is worth watching. */
export interface StoreHealth {
  readonly state: StoreState;
  /** Why the store is fenced, or why sends are refused for want of room. */
  readonly problem: string | undefined;
  readonly storeId: string;
  readonly epoch: number;
  readonly cleanStart: boolean;
  readonly startOffset: number;
  readonly visibleOffset: number;
  readonly durableOffset: number;
  readonly appendOffset: number;
  readonly checkpointOffset: number;
  /** Records appended and not acknowledged yet. */
  readonly waitingRecords: number;
  readonly segments: number;
  /** Files of the log that were made since the store was opened, and expired ones that were used again instead. */
  readonly createdSegments: number;
  readonly recycledSegments: number;
  /** Syncs of the log since the store was opened. */
  readonly flushes: FlushTimes;
  readonly tailBytes: number;
  readonly openFiles: number;
  readonly diskUsedRatio: number;
  readonly diskFull: boolean;
  /** Above the soft limit: little is left until sends are refused. */
  readonly diskTight: boolean;
  /** Stretches of the log that were accepted as damaged. */
  readonly damagedRanges: readonly { readonly from: number; readonly to: number; readonly why: string }[];
  /** Records that were found damaged while they were read. */
  readonly damagedRecords: number;
  /** Why the last checkpoint failed; recovery then takes longer, nothing is lost. */
  readonly checkpointProblem: string | undefined;
}
