import type { ClientCore } from '../connection/client-core.js';
import type { ProcessQueue } from './process-queue.js';

/** How far the members of this client are behind in one topic. */
export interface TopicLag {
  readonly topic: string;
  /** Messages that are stored and not settled, in the queues that this client has. */
  readonly messages: number;
  /** When the oldest of them was stored (milliseconds since 1970); undefined when there is none. */
  readonly oldestStoredAt: number | undefined;
}

/** Asks the broker for the ends of the queues. Rejects when it cannot be reached. */
export async function lagOf(core: ClientCore, group: string, queues: Iterable<ProcessQueue>): Promise<TopicLag[]> {
  const byTopic = new Map<string, { messages: number; oldestStoredAt: number | undefined }>();
  await Promise.all(
    [...queues].map(async (queue) => {
      const end = await core.brokers.maxOffset(queue);
      const messages = Math.max(0, end - queue.committedOffset);
      const storedAt =
        messages === 0
          ? undefined
          : (queue.oldestStoredAt ?? (await core.brokers.storedAt(group, queue, queue.committedOffset)));
      const topic = byTopic.get(queue.topic) ?? { messages: 0, oldestStoredAt: undefined };
      topic.messages += messages;
      if (storedAt !== undefined) topic.oldestStoredAt = Math.min(storedAt, topic.oldestStoredAt ?? storedAt);
      byTopic.set(queue.topic, topic);
    }),
  );
  return [...byTopic].map(([topic, lag]) => ({ topic, ...lag }));
}
