import { MessagingError } from '../../protocol/index.js';
import type { TopicRoute } from '../connection/topic-route.js';
import type { ReceivedMessage } from '../consumer/received-message.js';
import type { AdminCalls } from './admin-calls.js';
import { option } from './check-options.js';
import { QueueReader } from './queue-reader.js';

/** What is left of a queue in a replay that did not come to its end. @publicApi */
export interface ReplayPlace {
  brokerName: string;
  queueId: number;
  /** Of the next message. */
  offset: number;
  /** Where the replay ends; this one is not part of it. */
  end: number;
}

/** Which stored messages are replayed; what is left out matches all. @publicApi */
export interface ReplayRange {
  topic: string;
  /**
   * The first message stored at this date or later, an offset of one queue, or the `next` of a replay that did not come to
   * its end. Default: the oldest message that is kept.
   */
  from?: Date | number | readonly ReplayPlace[];
  /** Where it ends, itself not included: a date, or an offset of one queue. Default: what is there when the replay begins. */
  until?: Date | number;
  /** Only this queue. Required with an offset. */
  queueId?: number;
  /** Only the queues of this broker. */
  brokerName?: string;
  /** Only messages with this tag. */
  tag?: string;
  /** Anything else. Called with what the other conditions have left over. */
  where?: (message: ReceivedMessage) => boolean;
}

const bound = (more: string, others: (value: unknown) => boolean) => ({
  what: `a date, an offset of one queue${more}`,
  accepts: (value: unknown) =>
    option.date.accepts(value) || (Number.isSafeInteger(value) && (value as number) >= 0) || others(value),
});

export const RANGE_RULES = {
  topic: option.text,
  from: bound(', or what a replay has left', (value) => Array.isArray(value) && value.every(isPlace)),
  until: bound('', () => false),
  queueId: option.whole(0, 65_535),
  brokerName: option.text,
  tag: option.text,
  where: option.callback,
} as const;

function isPlace(value: unknown): value is ReplayPlace {
  const { brokerName, queueId, offset, end } = (value ?? {}) as Partial<ReplayPlace>;
  return typeof brokerName === 'string' && [queueId, offset, end].every((item) => Number.isSafeInteger(item));
}

/** One queue on its way through a replay. */
export interface ReplayQueue {
  readonly reader: QueueReader;
  offset: number;
  readonly end: number;
}

/** @throws MessagingError BAD_ARGUMENT. */
export function checkRange({ from, until, queueId, brokerName }: ReplayRange): void {
  if (Array.isArray(from) && (until ?? queueId ?? brokerName) !== undefined) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      'What a replay has left says itself which queues it is about, and where it ends',
    );
  }
  if ((typeof from === 'number' || typeof until === 'number') && queueId === undefined)
    throw new MessagingError('BAD_ARGUMENT', 'An offset is one of a single queue; give its queueId as well');
  if (from instanceof Date && until instanceof Date && from.getTime() >= until.getTime())
    throw new MessagingError('BAD_ARGUMENT', 'The replay would end before it begins');
}

/** The queues of the range with their ends at this moment: what is stored from now on is not part of it. */
export async function openRange(calls: AdminCalls, range: ReplayRange, route: TopicRoute): Promise<ReplayQueue[]> {
  const { from, until, queueId, brokerName } = range;
  const queues: ReplayQueue[] = [];
  for (const queue of route.readQueues) {
    if (queueId !== undefined && queue.queueId !== queueId) continue;
    if (brokerName !== undefined && queue.brokerName !== brokerName) continue;
    const reader = new QueueReader(calls, queue, calls.master(route, queue.brokerName));
    const [first, last] = [await reader.minOffset(), await reader.maxOffset()];
    if (Array.isArray(from)) {
      const place = (from as readonly ReplayPlace[]).find(
        (one) => one.brokerName === queue.brokerName && one.queueId === queue.queueId,
      );
      if (place !== undefined)
        queues.push({ reader, offset: Math.max(first, place.offset), end: Math.min(last, place.end) });
      continue;
    }
    const offset = await at(reader, from as Date | number | undefined, first);
    const end = Math.min(last, await at(reader, until, last));
    queues.push({ reader, offset: Math.max(first, offset), end });
  }
  if (queues.length === 0 && !Array.isArray(from))
    throw new MessagingError('BAD_ARGUMENT', `The topic ${range.topic} has no such queue`);
  return queues;
}

async function at(reader: QueueReader, bound: Date | number | undefined, otherwise: number): Promise<number> {
  if (bound === undefined) return otherwise;
  return typeof bound === 'number' ? bound : reader.offsetAt(bound.getTime());
}
