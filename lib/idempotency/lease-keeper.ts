import type { Clock, Timer } from '../platform/index.js';
import type { StoreCalls } from './store-calls.js';
import type { Held, IdempotencyStore } from './store.js';

/** A lease that is kept alive while its handler runs. */
export interface KeptLease extends Held {
  /** The messages may go elsewhere when it fires: somebody else may then take over when the lease ends. */
  readonly signal: AbortSignal;
  /** When it ends unless it is extended, on the monotonic clock. */
  until: number;
  /** It has ended, or somebody else has it; said once. */
  readonly lost: () => void;
}

/**
 * Extends the leases of one listener, those of all its handlers at work in one call, every third of their length. A message
 * that is handled faster costs a place in a set.
 */
export class LeaseKeeper {
  private readonly kept = new Set<KeptLease>();
  private timer: Timer | undefined;

  constructor(
    private readonly store: IdempotencyStore,
    private readonly calls: StoreCalls,
    private readonly leaseMillis: number,
    private readonly clock: Clock,
    private readonly failed: (error: unknown) => void,
  ) {}

  keep(lease: KeptLease): void {
    this.kept.add(lease);
    this.timer ??= this.clock.after(this.leaseMillis / 3, this.extend);
  }

  drop(lease: KeptLease): void {
    this.kept.delete(lease);
  }

  /**
   * Tells those whose leases have ended, which a process that stood still does not hear in time: what it waited for may wake
   * it before its timers do.
   */
  look(leases: Iterable<KeptLease>): void {
    const now = this.clock.monotonic();
    for (const lease of leases) if (lease.until <= now) this.lose(lease);
  }

  private readonly extend = async (): Promise<void> => {
    const { kept, clock, leaseMillis } = this;
    const begun = clock.monotonic();
    this.look(kept);
    const due: KeptLease[] = [];
    for (const lease of kept) {
      if (lease.signal.aborted) kept.delete(lease);
      // What was acquired within the last sixth has its turn the next time, at the latest after half of its lease.
      else if (lease.until - begun < (leaseMillis * 5) / 6) due.push(lease);
    }
    if (due.length > 0) {
      try {
        const answers = await this.calls.call('extend', due.length, () => this.store.extend(due, leaseMillis));
        for (const [i, extended] of answers.entries()) {
          if (extended) due[i]!.until = begun + leaseMillis;
          else this.lose(due[i]!);
        }
      } catch (error) {
        this.failed(error);
        const now = clock.monotonic();
        for (const lease of due) if (lease.until <= now) this.lose(lease);
      }
    }
    const next = Math.max(0, begun + leaseMillis / 3 - clock.monotonic());
    this.timer = kept.size > 0 ? clock.after(next, this.extend) : undefined;
  };

  /** Its handler may have ended while the store was asked. */
  private lose(lease: KeptLease): void {
    if (this.kept.delete(lease)) lease.lost();
  }
}
