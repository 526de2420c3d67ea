import type { Clock, Timer } from '../platform/index.js';
import type { KeptLease, LeaseKeeper } from './lease-keeper.js';
import type { StoreHealth } from './store-health.js';
import type { Completed } from './store.js';

/** Those postponed are no more than are at work. */
const MAX_ENTRIES = 10_000;
const MOST_AT_ONCE = 500;
/** After the messages that come again here, which tell the store themselves. */
const LATER_MILLIS = 1_000;
/** The handler is done: whoever has the message now, its lease is held until the store knows that. */
const NEVER = new AbortController().signal;
/** A lease that ends while the store is away is still this attempt's, unless somebody took over: marking it tells. */
const NOTHING = (): void => {};

/** A message that was handled here and is not marked in the store. */
export interface UnmarkedEntry {
  readonly completed: Completed;
  readonly values: readonly unknown[];
  state: 'open' | 'marked' | 'lost';
  /** One message was settled by it: any other one under its key is a duplicate. */
  used: boolean;
}

interface Kept extends UnmarkedEntry {
  readonly lease: KeptLease;
  /** Somebody waits for the values. */
  readonly isRequest: boolean;
}

/**
 * What was handled while the store could not be told. It is told as soon as it can be, also when the message has gone to
 * another member meanwhile: for that one it would otherwise be at work for as long as this process lives.
 */
export class Unmarked {
  private readonly entries = new Map<string, Kept>();
  private telling: Promise<void> | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly mark: (completed: readonly Completed[]) => Promise<boolean[]>,
    private readonly keeper: LeaseKeeper,
    private readonly health: StoreHealth,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  add(completed: Completed, lease: KeptLease, values: readonly unknown[], isRequest: boolean): void {
    const { key } = completed;
    this.keeper.drop(lease);
    const entry: Kept = {
      completed,
      values,
      isRequest,
      state: 'open',
      used: false,
      lease: { ...lease, signal: NEVER, lost: NOTHING },
    };
    const { entries } = this;
    entries.set(key, entry);
    this.keeper.keep(entry.lease);
    if (entries.size > MAX_ENTRIES) {
      const [oldest, { lease: left }] = entries.entries().next().value!;
      entries.delete(oldest);
      this.keeper.drop(left);
    }
    this.arm();
  }

  /** Of a message that has come again. */
  get(key: string): UnmarkedEntry | undefined {
    return this.entries.get(key);
  }

  /** The message is settled. */
  forget(key: string): void {
    this.entries.delete(key);
  }

  /** Tells the store of all; rejects when it cannot be told. Those who ask at once share an answer. */
  tell(): Promise<void> {
    this.telling ??= this.tellAll().finally(() => (this.telling = undefined));
    return this.telling;
  }

  private async tellAll(): Promise<void> {
    const open = [...this.entries.values()].filter(({ state }) => state === 'open');
    for (let at = 0; at < open.length; at += MOST_AT_ONCE) {
      const some = open.slice(at, at + MOST_AT_ONCE);
      const answers = await this.mark(some.map(({ completed }) => completed));
      for (const [i, isMarked] of answers.entries()) {
        const entry = some[i]!;
        this.keeper.drop(entry.lease);
        entry.state = isMarked ? 'marked' : 'lost';
        if (!isMarked && this.entries.get(entry.completed.key) === entry) this.entries.delete(entry.completed.key);
      }
    }
    this.health.answered();
  }

  private arm(): void {
    this.timer ??= this.clock.after(this.health.closedMillis + LATER_MILLIS, this.look);
  }

  private readonly look = async (): Promise<void> => {
    if (this.health.closedMillis === 0) await this.tell().catch((error: unknown) => this.health.failed(error));
    // The store knows them now. What a requester is to get is known here only.
    for (const [key, { state, isRequest }] of this.entries) {
      if (state === 'marked' && !isRequest) this.entries.delete(key);
    }
    this.timer = undefined;
    if ([...this.entries.values()].some(({ state }) => state === 'open')) this.arm();
  };
}
