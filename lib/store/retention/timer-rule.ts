import type { Platform } from '../../platform/index.js';
import type { MessageRecord } from '../../protocol/index.js';
import { appendProperty, PropertyName, removeProperties, TIMER_TOPIC } from '../../protocol/index.js';
import type { TopicTable } from '../state/topic-table.js';
import { deliveryOf } from '../timers/timer-delivery.js';
import type { TimerService } from '../timers/timer-service.js';
import type { LogReader, SegmentInfo, StoreMessage } from '../types.js';
import { copyOf, type CopyForwardRule } from './copy-forward-rule.js';

/** A timer lives until it is delivered, however many segments expire meanwhile. */
export class TimerRule implements CopyForwardRule {
  readonly name = 'timers';
  readonly knowsCopies = true;

  constructor(
    private readonly timers: TimerService,
    private readonly topics: Pick<TopicTable, 'get' | 'create'>,
    private readonly log: Pick<LogReader, 'visibleOffset'>,
    private readonly platform: Platform,
  ) {}

  async candidates(segment: SegmentInfo): Promise<readonly number[]> {
    const found = this.timers.index.heap.offsetsIn(segment.baseOffset, segment.endOffset);
    if (found.length > 0 && this.topics.get(TIMER_TOPIC) === undefined) {
      await this.topics.create(TIMER_TOPIC, { readQueueNums: 1, writeQueueNums: 1 }, this.log.visibleOffset);
    }
    return found;
  }

  hold(physicalOffset: number): boolean {
    return this.timers.index.heap.take(physicalOffset);
  }

  release(physicalOffset: number): void {
    this.timers.index.heap.giveBack(physicalOffset);
    this.timers.wake();
  }

  /**
   * The copy always lies in the timer topic with its exact time: in SCHEDULE_TOPIC_XXXX the level would count anew
   * from the copy. A timer whose topic has gone is settled here: as a copy it would look younger than a successor topic.
   */
  copy(record: MessageRecord): StoreMessage {
    const now = this.platform.clock.now();
    const delivery = deliveryOf(record, this.topics, now);
    if (delivery.kind === 'drop') {
      this.platform.logger.warn(`A timer was dropped: ${delivery.why}`);
      return delivery.message;
    }
    const message = copyOf(record, TIMER_TOPIC, 0);
    const time = this.timers.index.heap.timeOf(record.physicalOffset) ?? now;
    message.properties = appendProperty(
      removeProperties(message.properties, [PropertyName.TIMER_OUT_MS]),
      PropertyName.TIMER_OUT_MS,
      String(time),
    );
    return message;
  }
}
