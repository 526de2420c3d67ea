import type { Clock } from '../platform/index.js';
import type { MessageQueue } from '../protocol/index.js';
import type { GroupMember } from './consumer-group.js';
import { isInProcess } from './in-process.js';
import type { LockBook } from './lock-book.js';

/** A lock that is not renewed for this long is free; clients renew every 20 s. */
const LIFETIME = 60_000;
/** Clients distrust a lock of their own that was not renewed for this long: RocketMQ's `client.rebalance.lockMaxLiveTime`. */
const BELIEF = 30_000;

interface Lock {
  readonly clientId: string;
  /** Monotonic milliseconds. */
  expiresAt: number;
}

/** What a request for locks has brought. */
export interface Locked {
  /** The queues that the client holds now. */
  readonly held: MessageQueue[];
  /** To be awaited before the client is told; undefined when there is nothing to wait for. */
  readonly durable: Promise<void> | undefined;
}

/**
 * Which client of a group may work on a queue.
 *
 * Locks of clients outside this process outlive the broker, because their handlers do: after a restart they count for as
 * long as those clients may believe in them. Such a client is told of a lock only once it stands in the book, so a crash
 * before that takes nothing from it that it relied on; after it, the book knows. A lock that was given back and still
 * stands there after a crash keeps others waiting, never two at work. Clients in this process die with it, and what they
 * held is free at once.
 *
 * The locks of a topic that is deleted stay until they are given back or run out: who holds one may already be pulling
 * from a successor of that name.
 */
export class QueueLocks {
  private readonly groups = new Map<string, Map<string, Lock>>();

  constructor(
    private readonly clock: Clock,
    private readonly book: LockBook,
  ) {}

  /** Takes over what the last process has left. Nothing else may be called before. */
  async open(): Promise<void> {
    // From now on, whenever that process ended: the wall time that has passed since cannot be trusted.
    const expiresAt = this.clock.monotonic() + BELIEF;
    for (const [key, clientId] of await this.book.open()) {
      const [group, topic, queueId] = key.split(' ') as [string, string, string];
      this.locksOf(group).set(queueKey(topic, Number(queueId)), { clientId, expiresAt });
    }
  }

  /** Takes or renews the locks. */
  lock(group: string, { clientId, channel }: GroupMember, queues: readonly MessageQueue[]): Locked {
    const locks = this.locksOf(group);
    const now = this.clock.monotonic();
    const held: MessageQueue[] = [];
    const writes: Promise<void>[] = [];
    for (const queue of queues) {
      const key = queueKey(queue.topic, queue.queueId);
      const lock = locks.get(key);
      if (lock !== undefined && lock.clientId !== clientId && now <= lock.expiresAt) continue;
      locks.set(key, { clientId, expiresAt: now + LIFETIME });
      held.push(queue);
      if (isInProcess(channel)) this.book.strike(bookKey(group, key));
      else {
        const write = this.book.enter(bookKey(group, key), clientId);
        if (write !== undefined) writes.push(write);
      }
    }
    return { held, durable: writes.length === 0 ? undefined : Promise.all(writes).then(() => undefined) };
  }

  /** The client is in this process now: it dies with the broker, and nobody has to wait for what it held. */
  comeInside(clientId: string): void {
    for (const [key, holder] of this.book.all()) if (holder === clientId) this.book.strike(key);
  }

  unlock(group: string, clientId: string, queues: readonly MessageQueue[]): void {
    for (const { topic, queueId } of queues) this.release(group, queueKey(topic, queueId), clientId);
  }

  /** A client that said good-bye holds nothing. One that just vanished may still be working: its locks run out. */
  releaseAll(group: string, clientId: string): void {
    for (const key of [...(this.groups.get(group)?.keys() ?? [])]) this.release(group, key, clientId);
  }

  /** It has died, which is certain: nothing of it is at work any more. */
  releaseClient(clientId: string): void {
    for (const group of [...this.groups.keys()]) this.releaseAll(group, clientId);
  }

  /** Whether the group consumes in order at the moment. */
  anyHeld(group: string): boolean {
    const locks = this.groups.get(group);
    if (locks === undefined) return false;
    const now = this.clock.monotonic();
    for (const lock of locks.values()) if (now <= lock.expiresAt) return true;
    return false;
  }

  /** Forgets what has run out. */
  sweep(): void {
    const now = this.clock.monotonic();
    for (const [group, locks] of this.groups) {
      for (const [key, lock] of locks) if (now > lock.expiresAt) this.release(group, key, lock.clientId);
      if (locks.size === 0) this.groups.delete(group);
    }
    // What a disk that was full has kept.
    for (const [key, clientId] of this.book.all()) if (this.holderOf(key) !== clientId) this.book.strike(key);
  }

  close(): Promise<void> {
    return this.book.close();
  }

  private holderOf(key: string): string | undefined {
    const [group, topic, queueId] = key.split(' ') as [string, string, string];
    return this.groups.get(group)?.get(queueKey(topic, Number(queueId)))?.clientId;
  }

  private release(group: string, key: string, clientId: string): void {
    const locks = this.groups.get(group);
    if (locks?.get(key)?.clientId !== clientId) return;
    locks.delete(key);
    if (locks.size === 0) this.groups.delete(group);
    this.book.strike(bookKey(group, key));
  }

  private locksOf(group: string): Map<string, Lock> {
    let locks = this.groups.get(group);
    if (locks === undefined) this.groups.set(group, (locks = new Map()));
    return locks;
  }
}

function queueKey(topic: string, queueId: number): string {
  return `${topic} ${queueId}`;
}

/** The same with the group in front of it. */
function bookKey(group: string, key: string): string {
  return `${group} ${key}`;
}
