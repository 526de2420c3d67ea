import type { Clock } from '../platform/index.js';
import type { MessageQueue } from '../protocol/index.js';

/** A lock that is not renewed for this long is free; clients renew every 20 s and distrust their own after 30 s. */
const LIFETIME = 60_000;

interface Lock {
  clientId: string;
  /** Monotonic milliseconds. */
  renewedAt: number;
}

/** Which client of a group may consume a queue in order. In memory only: a restart frees everything. */
export class QueueLocks {
  private readonly groups = new Map<string, Map<string, Lock>>();

  constructor(private readonly clock: Clock) {}

  /** Takes or renews the locks; returns the queues that the client now holds. */
  lock(group: string, clientId: string, queues: readonly MessageQueue[]): MessageQueue[] {
    let locks = this.groups.get(group);
    if (locks === undefined) this.groups.set(group, (locks = new Map()));
    const now = this.clock.monotonic();
    const held: MessageQueue[] = [];
    for (const queue of queues) {
      const key = keyOf(queue);
      const lock = locks.get(key);
      if (lock !== undefined && lock.clientId !== clientId && now - lock.renewedAt <= LIFETIME) continue;
      locks.set(key, { clientId, renewedAt: now });
      held.push(queue);
    }
    return held;
  }

  unlock(group: string, clientId: string, queues: readonly MessageQueue[]): void {
    const locks = this.groups.get(group);
    if (locks === undefined) return;
    for (const queue of queues) {
      const key = keyOf(queue);
      if (locks.get(key)?.clientId === clientId) locks.delete(key);
    }
    if (locks.size === 0) this.groups.delete(group);
  }

  /** A client that said good-bye holds nothing. One that just vanished may still be working: its locks run out. */
  releaseAll(group: string, clientId: string): void {
    const locks = this.groups.get(group);
    if (locks === undefined) return;
    for (const [key, lock] of locks) if (lock.clientId === clientId) locks.delete(key);
    if (locks.size === 0) this.groups.delete(group);
  }

  /** Whether the group consumes in order at the moment. */
  anyHeld(group: string): boolean {
    const locks = this.groups.get(group);
    if (locks === undefined) return false;
    const now = this.clock.monotonic();
    for (const lock of locks.values()) if (now - lock.renewedAt <= LIFETIME) return true;
    return false;
  }

  /** Forgets what has run out. */
  sweep(): void {
    const now = this.clock.monotonic();
    for (const [group, locks] of this.groups) {
      for (const [key, lock] of locks) if (now - lock.renewedAt > LIFETIME) locks.delete(key);
      if (locks.size === 0) this.groups.delete(group);
    }
  }
}

function keyOf(queue: MessageQueue): string {
  return `${queue.topic}@${queue.queueId}`;
}
