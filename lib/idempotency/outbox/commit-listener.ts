import type { Clock, Logger, Timer } from '../../platform/index.js';
import { reasonText } from '../../client/index.js';
import { pauseAfter } from './send-failures.js';
import { OUTBOX_CHANNEL, type RelayedOutbox } from './sql-outbox.js';

/** After a write of this process, when its commit is not heard of: the transaction that wrote will mostly be over by then. */
const LOOKS_AFTER_WRITE = [10, 50, 250] as const;

/**
 * Wakes a relay when rows are committed: by PostgreSQL's NOTIFY, elsewhere by a few looks soon after this process wrote. Polls
 * find what both miss.
 */
export class CommitListener {
  private readonly stopped = new AbortController();
  private forgetWrites: (() => void) | undefined;
  private look: Timer | undefined;
  private retry: Timer | undefined;
  private looks = 0;
  private listening = false;
  private failures = 0;

  constructor(
    private readonly outbox: RelayedOutbox,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly wake: () => void,
  ) {}

  start(): void {
    this.forgetWrites = this.outbox.onWrite(() => this.written());
    if (this.outbox.adapter.listen !== undefined) void this.listen();
  }

  stop(): void {
    this.forgetWrites?.();
    this.look?.cancel();
    this.retry?.cancel();
    this.stopped.abort();
  }

  private written(): void {
    if (this.listening) return;
    this.looks = 0;
    this.lookSoon();
  }

  private lookSoon(): void {
    const after = LOOKS_AFTER_WRITE[this.looks++];
    this.look?.cancel();
    if (after === undefined) return;
    this.look = this.clock.after(after, () => {
      this.wake();
      this.lookSoon();
    });
  }

  private async listen(): Promise<void> {
    const { signal } = this.stopped;
    try {
      await this.outbox.adapter.listen!(OUTBOX_CHANNEL, this.wake, (error) => this.lost(error), signal);
    } catch (error) {
      this.lost(error);
      return;
    }
    this.listening = true;
    this.failures = 0;
    // Of what was committed while nobody listened nobody was told.
    this.wake();
  }

  private lost(error: unknown): void {
    this.listening = false;
    if (this.stopped.signal.aborted) return;
    this.failures++;
    if (this.failures === 1) {
      this.logger.warn(`outbox: no longer listens for commits, polls go on: ${reasonText(error)}`);
    }
    this.retry?.cancel();
    this.retry = this.clock.after(pauseAfter(this.failures), () => void this.listen());
  }
}
