import { type Clock, type Logger } from '../platform/index.js';
import type { ListenerOutcomes } from './outcomes.js';

const FIRST_DELAY_MILLIS = 1_000;
const LONGEST_DELAY_MILLIS = 30_000;

/**
 * Whether the store of a listener can be asked, and when it is asked again: after 1 s, then after twice as long each time,
 * to 30 s. Messages meanwhile do not ask it.
 */
export class StoreHealth {
  private failures = 0;
  /** On the monotonic clock. */
  private askAgainAt = 0;

  constructor(
    private readonly outcomes: ListenerOutcomes,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly consequence: string,
  ) {}

  /** How long until the store is to be asked again; 0: now. */
  get closedMillis(): number {
    return this.failures === 0 ? 0 : Math.max(0, this.askAgainAt - this.clock.monotonic());
  }

  /** Gives how long to wait. */
  failed(error: unknown): number {
    const { outcomes, clock, logger } = this;
    const now = clock.monotonic();
    if (now >= this.askAgainAt) {
      this.askAgainAt = now + Math.min(LONGEST_DELAY_MILLIS, FIRST_DELAY_MILLIS * 2 ** this.failures);
      this.failures++;
    }
    if (outcomes.storeDownSince === undefined) {
      outcomes.storeDownSince = clock.now();
      const why = error instanceof Error ? error.message : String(error);
      logger.error(`the idempotency store ${outcomes.name.store} cannot be asked (${why}): ${this.consequence}`, error);
    }
    return this.askAgainAt - now;
  }

  answered(): void {
    const { outcomes, clock, logger } = this;
    if (outcomes.storeDownSince === undefined) return;
    this.failures = 0;
    // What was asked before may still fail: then it is away again, from now on.
    this.askAgainAt = 0;
    const seconds = Math.round((clock.now() - outcomes.storeDownSince) / 1000);
    outcomes.storeDownSince = undefined;
    logger.log(`the idempotency store ${outcomes.name.store} answers again, after ${seconds} s`);
  }
}
