import { randomUUID } from 'node:crypto';
import { type Clock, SystemClock } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import { storeFailure } from './store-failure.js';
import type { Claim, Claimed, Completed, Held, IdempotencyStore } from './store.js';

/** @publicApi */
export interface MemoryIdempotencyStoreOptions {
  /** Messages that are remembered; of more, those not asked for longest are forgotten. Default: 100,000. */
  maxEntries?: number;
  /** Bytes of results that are kept in all. Default: 16 MiB. */
  maxResultBytes?: number;
  /** For tests. Default: the machine's. */
  clock?: Clock;
}

interface AtWork {
  readonly token: string;
  readonly fingerprint: string | undefined;
  until: number;
}

interface Done {
  readonly fingerprint: string | undefined;
  readonly result: Buffer | undefined;
  readonly until: number;
}

/**
 * Remembers in this process, for one process: for tests and for one instance that may handle a message twice after a restart.
 * Bounded in number and bytes.
 *
 * @publicApi
 */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly name = 'memory';
  readonly shared = false;
  private readonly clock: Clock;
  private readonly maxEntries: number;
  private readonly maxResultBytes: number;
  private readonly atWork = new Map<string, AtWork>();
  /** In the order in which they were last asked for. */
  private readonly done = new Map<string, Done>();
  private resultBytes = 0;
  private forgotten = 0;

  /** @throws MessagingError BAD_ARGUMENT for limits that are no whole numbers above 0. */
  constructor(options: MemoryIdempotencyStoreOptions = {}) {
    this.maxEntries = limit('maxEntries', options.maxEntries ?? 100_000);
    this.maxResultBytes = limit('maxResultBytes', options.maxResultBytes ?? 16 * 1024 * 1024);
    this.clock = options.clock ?? new SystemClock();
  }

  /** Messages that it knows. */
  get size(): number {
    return this.atWork.size + this.done.size;
  }

  /** Handled messages that were forgotten before their time, for want of room: their duplicates are handled again. */
  get evictions(): number {
    return this.forgotten;
  }

  /** @throws MessagingError IDEMPOTENCY_STORE_FAILED, and acquires nothing, when more would be at work than it may know. */
  // oxlint-disable-next-line require-await
  async acquire(claims: readonly Claim[], leaseMillis: number): Promise<Claimed[]> {
    const now = this.clock.monotonic();
    if (this.atWork.size + claims.length > this.maxEntries) this.makeRoom(claims.length, now);
    return claims.map((claim) => this.acquireOne(claim, now, leaseMillis));
  }

  extend(held: readonly Held[], leaseMillis: number): Promise<boolean[]> {
    const now = this.clock.monotonic();
    return Promise.resolve(
      held.map((one) => {
        const entry = this.own(one);
        if (entry === undefined || entry.until <= now) return false;
        entry.until = now + leaseMillis;
        return true;
      }),
    );
  }

  complete(completed: readonly Completed[], ttlMillis: number): Promise<boolean[]> {
    const until = this.clock.monotonic() + ttlMillis;
    return Promise.resolve(
      completed.map((one) => {
        const entry = this.own(one);
        if (entry === undefined) return false;
        this.atWork.delete(one.key);
        // A copy: what the caller does with its bytes afterwards is not what was handled.
        const result = one.result === undefined ? undefined : Buffer.from(one.result);
        this.remember(one.key, { fingerprint: entry.fingerprint, result, until });
        return true;
      }),
    );
  }

  release(held: readonly Held[]): Promise<boolean[]> {
    return Promise.resolve(held.map((one) => this.own(one) !== undefined && this.atWork.delete(one.key)));
  }

  private acquireOne({ key, fingerprint }: Claim, now: number, leaseMillis: number): Claimed {
    const done = this.done.get(key);
    if (done !== undefined && done.until > now) {
      if (differs(done.fingerprint, fingerprint)) return { outcome: 'conflict' };
      this.done.delete(key);
      this.done.set(key, done);
      return { outcome: 'completed', result: done.result === undefined ? undefined : Buffer.from(done.result) };
    }
    if (done !== undefined) this.forget(key, done);
    const holder = this.atWork.get(key);
    if (holder !== undefined && holder.until > now) {
      if (differs(holder.fingerprint, fingerprint)) return { outcome: 'conflict' };
      return { outcome: 'busy', retryAfterMillis: holder.until - now };
    }
    const token = randomUUID();
    this.atWork.set(key, { token, fingerprint, until: now + leaseMillis });
    return { outcome: 'acquired', token };
  }

  /** A lease that has ended without anybody taking over is still the holder's to complete or to release. */
  private own({ key, token }: Held): AtWork | undefined {
    const entry = this.atWork.get(key);
    return entry?.token === token ? entry : undefined;
  }

  private remember(key: string, done: Done): void {
    this.done.set(key, done);
    this.resultBytes += done.result?.length ?? 0;
    const now = this.clock.monotonic();
    for (const [oldest, entry] of this.done) {
      const tooMany = this.done.size > this.maxEntries || this.resultBytes > this.maxResultBytes;
      if (!tooMany && entry.until > now) return;
      if (entry.until > now) this.forgotten++;
      this.forget(oldest, entry);
    }
  }

  private forget(key: string, done: Done): void {
    this.done.delete(key);
    this.resultBytes -= done.result?.length ?? 0;
  }

  /** Leases that nobody came back for gather; those that last cannot go without handling a message twice. */
  private makeRoom(claims: number, now: number): void {
    for (const [key, entry] of this.atWork) if (entry.until <= now) this.atWork.delete(key);
    if (this.atWork.size + claims <= this.maxEntries) return;
    throw storeFailure(
      `MemoryIdempotencyStore: ${this.atWork.size} messages are at work and it may know ${this.maxEntries}; give a larger maxEntries`,
    );
  }
}

/** Only two that are known can differ. */
function differs(known: string | undefined, now: string | undefined): boolean {
  return known !== undefined && now !== undefined && known !== now;
}

function limit(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `MemoryIdempotencyStore: ${name} must be a whole number above 0, not ${String(value)}`,
  );
}
