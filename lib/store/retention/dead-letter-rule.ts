import type { MessageRecord } from '../../protocol/index.js';
import {
  ExtensionProperty,
  getProperty,
  isDeadLetterTopic,
  TRANSACTION_DEAD_LETTER_TOPIC,
} from '../../protocol/index.js';
import type { ConsumerProgress } from '../state/consumer-progress.js';
import type { GroupTable } from '../state/group-table.js';
import { LetterState, type SettledLetters } from '../state/settled-letters.js';
import type { TopicTable } from '../state/topic-table.js';
import { offsetIn } from '../timers/timer-index.js';
import type { LogReader, SegmentInfo, StoreMessage } from '../types.js';
import { copyOf, type CopyForwardRule } from './copy-forward-rule.js';

export interface DeadLetterPorts {
  readonly log: Pick<LogReader, 'minOffset' | 'maxOffset' | 'physicalOffsetAt' | 'recordAt'>;
  readonly topics: Pick<TopicTable, 'list'>;
  readonly groups: Pick<GroupTable, 'list'>;
  readonly progress: Pick<ConsumerProgress, 'query'>;
  readonly settled: Pick<SettledLetters, 'stateOf'>;
  /** Age of something with this wall time; see AgeClock. */
  readonly ageOf: (stamp: number) => number;
}

/**
 * Dead letters, those of transactions included, live for 14 days from their last failure, which is longer than the log.
 *
 * A copy gets a new offset at the end of its dead-letter queue, so a group that reads the queue and had passed the
 * original meets the letter once more. It must not meet it every three days: a copy is not copied again once a group
 * reads the queue and has passed it. A queue that no group reads keeps its letters for the whole 14 days. Letters that
 * were resent or removed have done their duty and go with the segment.
 */
export class DeadLetterRule implements CopyForwardRule {
  readonly name = 'dead letters';
  readonly knowsCopies = false;
  /** Copied already, but still in the segment. */
  private readonly done = new Set<number>();

  constructor(
    private readonly ports: DeadLetterPorts,
    private readonly ageMillis: number,
  ) {}

  /** Taken from the consume queues, not by reading the segment: there are few dead letters among many messages. */
  async candidates(segment: SegmentInfo): Promise<readonly number[]> {
    const { log, topics } = this.ports;
    const found: number[] = [];
    for (const topic of topics.list()) {
      if (!isDeadLetterTopic(topic.name) && topic.name !== TRANSACTION_DEAD_LETTER_TOPIC) continue;
      for (let queueId = 0; queueId < Math.max(topic.readQueueNums, topic.writeQueueNums); queueId++) {
        const end = log.maxOffset(topic.name, queueId);
        for (let offset = log.minOffset(topic.name, queueId); offset < end; offset++) {
          const physicalOffset = await log.physicalOffsetAt(topic.name, queueId, offset);
          if (physicalOffset === undefined || physicalOffset < segment.baseOffset) continue;
          if (physicalOffset >= segment.endOffset) break;
          if (this.done.has(physicalOffset)) continue;
          if (this.ports.settled.stateOf(topic.number, queueId, offset) !== LetterState.OPEN) continue;
          const record = await log.recordAt(physicalOffset);
          if (this.ports.ageOf(lastFailure(record)) >= this.ageMillis) continue;
          if (isCopy(record) && this.passed(topic.name, queueId, offset)) continue;
          found.push(physicalOffset);
        }
      }
    }
    for (const offset of this.done) if (offset < segment.baseOffset) this.done.delete(offset);
    return found.sort((a, b) => a - b);
  }

  hold(physicalOffset: number): boolean {
    if (this.done.has(physicalOffset)) return false;
    this.done.add(physicalOffset);
    return true;
  }

  release(physicalOffset: number): void {
    this.done.delete(physicalOffset);
  }

  copy(record: MessageRecord): StoreMessage {
    return copyOf(record);
  }

  private passed(topic: string, queueId: number, queueOffset: number): boolean {
    let readers = 0;
    for (const group of this.ports.groups.list()) {
      const position = this.ports.progress.query(group.name, topic, queueId);
      if (position === undefined && !Object.hasOwn(group.topics, topic)) continue;
      if ((position ?? 0) <= queueOffset) return false;
      readers++;
    }
    return readers > 0;
  }
}

function isCopy(record: MessageRecord): boolean {
  return getProperty(record.properties, ExtensionProperty.COPIED_FROM) !== undefined;
}

function lastFailure(record: MessageRecord): number {
  return (
    offsetIn(record.properties, ExtensionProperty.DLQ_LAST_FAILED_AT) ??
    offsetIn(record.properties, ExtensionProperty.FIRST_STORED_AT) ??
    record.storeTimestamp
  );
}
