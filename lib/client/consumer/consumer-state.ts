import type { ConsumeMode } from '../consume-mode.js';
import type { OutcomeCounts } from '../counts.js';
import type { SuspensionInfo } from '../dispatch/suspension.js';
import type { ConsumerSettings } from '../options.js';
import type { Listener } from './listener-table.js';
import type { ProcessQueue } from './process-queue.js';

export interface AssignedQueue {
  topic: string;
  brokerName: string;
  queueId: number;
  /** Everything before this offset is settled. */
  committedOffset: number;
  /** Where the next pull begins. */
  nextOffset: number;
  /** Messages that are fetched and not settled. */
  buffered: number;
}

export interface ConsumerState {
  group: string;
  mode: ConsumeMode;
  /** Whether it takes messages: between `start` and `stop`. */
  started: boolean;
  /** What it reads, the topic of its retries included. */
  topics: string[];
  queues: AssignedQueue[];
  /** Messages whose handler runs, or whose outcome is on its way to the broker. */
  inFlight: number;
  /** Whether the whole group is paused. */
  paused: boolean;
  pausedListeners: string[];
  /** Listeners that take nothing new for a while, of their own accord. */
  suspendedListeners: ({ name: string } & SuspensionInfo)[];
  /** With what has become of their deliveries since the client was made. */
  listeners: { name: string; topic: string; counts: Readonly<OutcomeCounts> }[];
}

export function consumerState(
  { group, mode }: ConsumerSettings,
  started: boolean,
  topics: string[],
  queues: readonly ProcessQueue[],
  paused: boolean,
  listeners: readonly Listener[],
): ConsumerState {
  return {
    group,
    mode,
    started,
    topics,
    queues: queues.map((queue) => ({
      topic: queue.topic,
      brokerName: queue.brokerName,
      queueId: queue.queueId,
      committedOffset: queue.committedOffset,
      nextOffset: queue.nextOffset,
      buffered: queue.size,
    })),
    inFlight: queues.reduce((sum, queue) => sum + queue.inFlight, 0),
    paused,
    pausedListeners: listeners.filter((listener) => listener.paused).map((listener) => listener.binding.name),
    suspendedListeners: listeners.flatMap(({ binding: { name }, suspension: { info } }) =>
      info === undefined ? [] : [{ name, ...info }],
    ),
    listeners: listeners.map(({ binding, counts }) => ({
      name: binding.name,
      topic: binding.topic,
      counts: { ...counts },
    })),
  };
}
