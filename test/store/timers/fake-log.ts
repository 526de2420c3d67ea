import type { Clock } from '../../../lib/platform/index.js';
import { MessagingError, tagsCode, type MessageRecord } from '../../../lib/protocol/index.js';
import { SCHEDULE_TOPIC, delayLevelMillis } from '../../../lib/protocol/index.js';
import type {
  DispatchEntry,
  DispatchTarget,
  LogAppender,
  LogReader,
  PutCallback,
  SegmentInfo,
  StoreMessage,
} from '../../../lib/store/types.js';

const RECORD_BYTES = 100;

/**
 * A log of records of 100 bytes each, visible (and then dispatched and acknowledged) at the end of the turn in which
 * they were appended. Segments hold ten records.
 */
export class FakeLog implements LogAppender, LogReader {
  readonly records: MessageRecord[] = [];
  readonly targets: DispatchTarget[] = [];
  /** Answers for the puts to come; undefined lets one through. */
  failures: (MessagingError | undefined)[] = [];
  /** A put never becomes visible while this is set: the process dies before its sync. */
  lost = false;
  unreadable = new Set<number>();
  onRead: (() => void) | undefined;
  startOffset = 0;
  visibleOffset = 0;
  private readonly queues = new Map<string, number[]>();
  private waiting: { record: MessageRecord; done: PutCallback }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly recordsPerSegment = 10,
  ) {}

  get segmentBytes(): number {
    return this.recordsPerSegment * RECORD_BYTES;
  }

  put(message: StoreMessage, done: PutCallback): void {
    const failure = this.failures.shift();
    if (failure !== undefined) {
      this.clock.defer(() => done(failure, undefined));
      return;
    }
    const physicalOffset = this.records.length * RECORD_BYTES;
    const queue = this.queue(message.topic, message.queueId);
    const record: MessageRecord = {
      size: RECORD_BYTES,
      bodyCrc: 0,
      queueId: message.queueId,
      flag: message.flag,
      queueOffset: queue.length,
      physicalOffset,
      sysFlag: message.sysFlag,
      bornTimestamp: message.bornTimestamp,
      bornHost: message.bornHost,
      storeTimestamp: this.clock.now(),
      storeHost: '127.0.0.1:10911',
      reconsumeTimes: message.reconsumeTimes,
      preparedTransactionOffset: message.preparedTransactionOffset,
      body: Buffer.from(message.body),
      topic: message.topic,
      properties: message.properties,
    } as MessageRecord;
    this.records.push(record);
    queue.push(physicalOffset);
    if (this.lost) return;
    this.waiting.push({ record, done });
    if (this.waiting.length === 1) this.clock.defer(() => this.show());
  }

  /** Appends and waits until it is visible. */
  append(message: Partial<StoreMessage>): Promise<MessageRecord> {
    return new Promise((resolve, reject) => {
      this.put(storeMessage(message), (error, result) => {
        if (error === undefined) resolve(this.at(result!.physicalOffset));
        else reject(error);
      });
    });
  }

  /** Feeds what is visible from `from` on to a target, as a restart does. */
  replay(target: DispatchTarget, from = target.safeOffset): void {
    for (const record of this.records) {
      if (record.physicalOffset >= Math.max(from, this.startOffset) && record.physicalOffset < this.visibleOffset) {
        target.dispatch(entryOf(record));
      }
    }
  }

  segments(): readonly SegmentInfo[] {
    const segments: SegmentInfo[] = [];
    const bytes = this.segmentBytes;
    for (let base = this.startOffset; base === this.startOffset || base < this.visibleOffset; base += bytes) {
      const inside = this.records.filter(
        ({ physicalOffset: at }) => at >= base && at < base + bytes && at < this.visibleOffset,
      );
      segments.push({
        baseOffset: base,
        endOffset: Math.min(base + bytes, this.visibleOffset),
        firstStoreTimestamp: inside[0]?.storeTimestamp ?? -1,
        lastStoreTimestamp: inside.at(-1)?.storeTimestamp ?? -1,
        active: base + bytes > this.visibleOffset,
      });
    }
    return segments;
  }

  async recordAt(physicalOffset: number): Promise<MessageRecord> {
    await Promise.resolve();
    this.onRead?.();
    if (this.unreadable.has(physicalOffset)) throw new MessagingError('RECORD_INVALID', 'its checksum does not match');
    if (physicalOffset < this.startOffset || physicalOffset >= this.visibleOffset) {
      throw new MessagingError('OFFSET_OUT_OF_RANGE', `${physicalOffset} is not in the log`);
    }
    return this.at(physicalOffset);
  }

  async scan(from: number, to: number, visit: (record: MessageRecord) => void | Promise<void>): Promise<void> {
    for (const record of [...this.records]) {
      if (record.physicalOffset >= from && record.physicalOffset < Math.min(to, this.visibleOffset))
        await visit(record);
    }
  }

  deleteOldestSegment(): Promise<void> {
    if (this.startOffset + this.segmentBytes > this.visibleOffset)
      return Promise.reject(new MessagingError('BAD_ARGUMENT', 'the only one'));
    this.startOffset += this.segmentBytes;
    return Promise.resolve();
  }

  minOffset(topic: string, queueId: number): number {
    const queue = this.queue(topic, queueId);
    const at = queue.findIndex((physicalOffset) => physicalOffset >= this.startOffset);
    return at < 0 ? queue.length : at;
  }

  maxOffset(topic: string, queueId: number): number {
    return this.queue(topic, queueId).filter((physicalOffset) => physicalOffset < this.visibleOffset).length;
  }

  physicalOffsetAt(topic: string, queueId: number, queueOffset: number): Promise<number | undefined> {
    const found = this.queue(topic, queueId)[queueOffset];
    return Promise.resolve(found === undefined || found < this.startOffset ? undefined : found);
  }

  physicalOffsetFrom(topic: string, queueId: number, queueOffset: number): Promise<number | undefined> {
    return this.physicalOffsetAt(topic, queueId, queueOffset);
  }

  /** Visible records of a topic. */
  of(topic: string): MessageRecord[] {
    return this.records.filter((record) => record.topic === topic && record.physicalOffset < this.visibleOffset);
  }

  private at(physicalOffset: number): MessageRecord {
    return this.records[physicalOffset / RECORD_BYTES] as MessageRecord;
  }

  private queue(topic: string, queueId: number): number[] {
    const key = `${topic} ${queueId}`;
    let queue = this.queues.get(key);
    if (queue === undefined) this.queues.set(key, (queue = []));
    return queue;
  }

  private show(): void {
    const batch = this.waiting;
    this.waiting = [];
    if (this.lost) return;
    this.visibleOffset = Math.max(...batch.map(({ record }) => record.physicalOffset)) + RECORD_BYTES;
    for (const { record, done } of batch) {
      for (const target of this.targets) target.dispatch(entryOf(record));
      done(undefined, { ...record, size: RECORD_BYTES });
    }
  }
}

export function entryOf(record: MessageRecord): DispatchEntry {
  const parkedByLevel = record.topic === SCHEDULE_TOPIC;
  return {
    topic: record.topic,
    queueId: record.queueId,
    queueOffset: record.queueOffset,
    physicalOffset: record.physicalOffset,
    size: record.size,
    tagsCode: parkedByLevel
      ? record.storeTimestamp + delayLevelMillis(record.queueId + 1)
      : tagsCode(record.properties),
    storeTimestamp: record.storeTimestamp,
    sysFlag: record.sysFlag,
    properties: record.properties,
  };
}

export function storeMessage(message: Partial<StoreMessage>): StoreMessage {
  return {
    topic: 'orders',
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_000,
    bornHost: '10.0.0.9:4711',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties: '',
    body: Buffer.from('body'),
    ...message,
  };
}
