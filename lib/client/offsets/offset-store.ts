import { messageQueueKey, type MessageQueue } from '../../protocol/index.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Suspicion } from '../dispatch/suspicion.js';

/** Where a group's positions are kept: at the brokers, or in a local file for broadcast groups. */
export interface OffsetStore {
  /** Stores a position for every queue that has none yet; `topics` are all that the group listens to. Resolves when that is safe. */
  initialise(queues: readonly MessageQueue[], topics: readonly string[]): Promise<void>;
  /** Where to begin with a queue that this member takes over. */
  read(queue: MessageQueue): Promise<StartPosition>;
  /** Takes many positions at once, soon. A failure is logged; the next call repeats what is missing. */
  save(positions: readonly QueuePosition[]): Promise<void>;
  /** The same, for queues that are given up: resolves when the next owner will see the positions. Never rejects. */
  saveNow(positions: readonly QueuePosition[]): Promise<void>;
  /** The queue's topic is no more: a position in it would be a wrong one in a successor of that name. Never rejects. */
  forget(queue: MessageQueue): Promise<void>;
  /** Resolves with true when no crash would take this position back. Never rejects: a failure is logged. */
  secure(queue: QueuePosition['queue'], offset: number): Promise<boolean>;
  /** The group has been stopped in order. Never rejects. */
  close(): Promise<void>;
}

export interface StartPosition {
  readonly offset: number;
  readonly suspicion?: Suspicion;
}

export interface QueuePosition {
  readonly queue: MessageQueue & { persistedOffset: number };
  readonly offset: number;
}

/** For the log, when a queue is taken over with suspects in it. */
export function suspectsText({ settings }: GroupContext, queue: MessageQueue, deaths: number, until: number): string {
  return (
    `Processes have died ${deaths} times over the next messages of ${messageQueueKey(queue)} in the group ${settings.group}; ` +
    `those below offset ${until} are handled one at a time`
  );
}

/** The position of a group that begins with a queue which has been there before it. */
export async function startOffset({ core, settings }: GroupContext, queue: MessageQueue): Promise<number> {
  const { brokers } = core;
  if (settings.from === 'latest') return brokers.maxOffset(queue);
  if (settings.from === 'earliest') return brokers.minOffset(queue);
  return brokers.searchOffset(queue, settings.from.getTime());
}
