import type { Timer } from '../../platform/index.js';
import { messageQueueKey, type MessageQueue } from '../../protocol/index.js';
import { ConsumeMode } from '../consume-mode.js';
import type { GroupContext } from './group-context.js';
import type { OffsetStore, QueuePosition } from '../offsets/offset-store.js';
import { ProcessQueue } from './process-queue.js';
import type { QueueLocks } from './queue-locks.js';

const FIRST_TRY_AGAIN_MILLIS = 50;
const LONGEST_TRY_AGAIN_MILLIS = 1000;

interface Wanted {
  readonly queue: MessageQueue;
  /** On the monotonic clock. */
  readonly since: number;
}

/**
 * The queues that this member has, and those that it should have. A queue changes hands in the order: its old owner
 * stops pulling, its handlers end, the position is stored, the lock is given back; only then does the new owner begin.
 */
export class Assignment {
  readonly active = new Map<string, ProcessQueue>();
  private readonly wanted = new Map<string, Wanted>();
  /** Queues on their way out; they may be wanted again before they are gone. */
  private readonly leaving = new Map<string, Promise<void>>();
  private acquiring: Promise<void> | undefined;
  private timer: Timer | undefined;
  private tryAgainMillis = FIRST_TRY_AGAIN_MILLIS;
  private closed = false;

  constructor(
    private readonly group: GroupContext,
    private readonly locks: QueueLocks,
    private readonly offsets: OffsetStore,
    private readonly begin: (queue: ProcessQueue) => void,
    private readonly ended: () => void,
  ) {}

  /** What of one topic this member is to have from now on. Resolves after a first try to get it. */
  async assign(topic: string, queues: readonly MessageQueue[]): Promise<void> {
    if (this.closed) return;
    const target = new Map(queues.map((queue) => [messageQueueKey(queue), queue]));
    for (const [key, queue] of this.active) {
      if (queue.topic === topic && !target.has(key)) this.leave(queue);
    }
    for (const [key, { queue }] of this.wanted) {
      if (queue.topic === topic && !target.has(key)) this.wanted.delete(key);
    }
    const since = this.group.core.platform.clock.monotonic();
    let added = false;
    for (const [key, queue] of target) {
      if (this.active.has(key) || this.wanted.has(key)) continue;
      this.wanted.set(key, { queue, since });
      added = true;
    }
    if (!added) return;
    this.tryAgainMillis = FIRST_TRY_AGAIN_MILLIS;
    await this.acquire();
  }

  /**
   * Another member may have worked on the queue meanwhile: what is fetched of it is stale. It is given up and asked for
   * again, with the position that it has then.
   */
  renounce(queue: ProcessQueue): void {
    if (this.closed || this.active.get(queue.key) !== queue) return;
    const { topic, brokerName, queueId } = queue;
    const since = this.group.core.platform.clock.monotonic();
    this.wanted.set(queue.key, { queue: { topic, brokerName, queueId }, since });
    this.leave(queue);
  }

  /**
   * The group's position was moved by order: this member forgets where it was, and begins where it is told.
   * @param offset To be stored by this member; undefined: the broker has done it.
   */
  moved(queue: ProcessQueue, offset?: number): void {
    queue.isMoved = true;
    queue.movedTo = offset;
    this.renounce(queue);
  }

  /** Gives everything up: waits for handlers until the time is over, then takes their queues from them. */
  async close(budgetMillis: number): Promise<void> {
    const { clock } = this.group.core.platform;
    const end = clock.monotonic() + budgetMillis;
    this.closed = true;
    this.wanted.clear();
    this.timer?.cancel();
    const queues = [...this.active.values()];
    for (const queue of queues) queue.drain();
    await this.idleWithin(queues, budgetMillis);
    for (const queue of queues) {
      this.active.delete(queue.key);
      queue.drop();
    }
    await this.handOver(queues);
    const leaving = [...this.leaving.values()];
    this.ended();
    if (leaving.length > 0) await this.within(Promise.all(leaving), Math.max(0, end - clock.monotonic()));
  }

  private leave(queue: ProcessQueue): void {
    this.active.delete(queue.key);
    queue.drain();
    const gone = (async () => {
      await this.idleWithin([queue], this.group.core.settings.handoverMillis);
      queue.drop();
      await this.handOver([queue]);
      this.leaving.delete(queue.key);
      this.ended();
      if (this.wanted.has(queue.key)) void this.acquire();
    })();
    this.leaving.set(queue.key, gone);
  }

  private async handOver(queues: readonly ProcessQueue[]): Promise<void> {
    if (queues.length === 0) return;
    await this.offsets.saveNow(positionsOf(queues));
    for (const queue of queues) if (queue.topicGone) await this.offsets.forget(queue);
    if (this.group.settings.mode !== ConsumeMode.BROADCAST) await this.locks.release(queues);
  }

  private async idleWithin(queues: readonly ProcessQueue[], millis: number): Promise<void> {
    const busy = queues.filter((queue) => queue.isBusy);
    if (busy.length > 0) await this.within(Promise.all(busy.map((queue) => queue.idle())), millis);
  }

  private within(done: Promise<unknown>, millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.group.core.platform.clock.after(millis, resolve);
      void done.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Tries to get what is wanted. One try at a time; what is still missing afterwards is tried again soon. */
  private async acquire(): Promise<void> {
    while (this.acquiring !== undefined) await this.acquiring;
    this.acquiring = this.tryAcquire().finally(() => (this.acquiring = undefined));
    await this.acquiring;
    if (this.wanted.size === 0 || this.closed) return;
    this.timer?.cancel();
    this.timer = this.group.core.platform.clock.after(this.tryAgainMillis, () => void this.acquire());
    this.tryAgainMillis = Math.min(this.tryAgainMillis * 2, LONGEST_TRY_AGAIN_MILLIS);
  }

  private async tryAcquire(): Promise<void> {
    const free = [...this.wanted].filter(([key]) => !this.leaving.has(key));
    if (free.length === 0) return;
    const ours = await this.lockThose(free.map(([, wanted]) => wanted.queue));
    await Promise.all(
      free.map(async ([key, wanted]) => {
        if (ours.has(key) || this.isOverdue(wanted)) await this.take(key, wanted);
      }),
    );
  }

  private async lockThose(queues: readonly MessageQueue[]): Promise<Set<string>> {
    if (this.group.settings.mode === ConsumeMode.BROADCAST) return new Set(queues.map(messageQueueKey));
    return this.locks.acquire(queues);
  }

  // The order of a queue depends on its lock. Elsewhere a member that neither works nor gives up must not keep its
  // messages from everybody: some of them may then be handled twice.
  private isOverdue({ since }: Wanted): boolean {
    const { core, settings } = this.group;
    if (settings.mode !== ConsumeMode.CONCURRENT) return false;
    return core.platform.clock.monotonic() - since >= core.settings.handoverMillis;
  }

  private async take(key: string, wanted: Wanted): Promise<void> {
    try {
      const { offset, suspicion } = await this.offsets.read(wanted.queue);
      // Meanwhile another member may have come, or this one may be stopping.
      if (this.wanted.get(key) !== wanted) {
        if (this.group.settings.mode !== ConsumeMode.BROADCAST && !this.active.has(key))
          await this.locks.release([wanted.queue]);
        return;
      }
      this.wanted.delete(key);
      const limitSpan = this.group.settings.mode !== ConsumeMode.ORDERLY;
      const queue = new ProcessQueue(wanted.queue, offset, limitSpan, suspicion);
      this.active.set(key, queue);
      this.begin(queue);
    } catch (error) {
      this.group.core.platform.logger.warn(
        `The group ${this.group.settings.group} has no position for ${key} yet and asks again: ${(error as Error).message}`,
      );
    }
  }
}

/** What is to be stored of them: a position in a topic that is gone would become one in its successor. */
export function positionsOf(queues: Iterable<ProcessQueue>): QueuePosition[] {
  const positions: QueuePosition[] = [];
  for (const queue of queues) {
    const offset = queue.isMoved ? queue.movedTo : queue.committedOffset;
    if (!queue.topicGone && offset !== undefined) positions.push({ queue, offset });
  }
  return positions;
}
