import type { Clock, Timer } from '../platform/index.js';
import { MessagingError, type RemotingCommand } from '../protocol/index.js';
import type { Asker } from './channel.js';

/**
 * After a sweep the next one is at least this far away: thousands of requests that run out one after another cost a
 * hundred sweeps a second, not one each. A time-out comes at most this much late, and never early.
 */
const SWEEP_GAP = 10;

/** One request that waits for its answer. */
export interface PendingCall {
  readonly code: number;
  readonly timeoutMillis: number;
  readonly deadline: number;
  readonly asker: Asker;
}

/**
 * The requests of one direction of a channel that wait for an answer, by opaque. One timer serves them all: a timer of
 * its own per request costs more than the request itself in process.
 */
export class PendingCalls {
  private readonly calls = new Map<number, PendingCall>();
  private timer: Timer | undefined;
  private timerDue = Number.POSITIVE_INFINITY;
  private lastOpaque = 0;

  constructor(
    private readonly clock: Clock,
    private readonly remoteAddress: string,
    /** Ends the message of a time-out. */
    private readonly hint: () => string = () => '',
  ) {}

  get size(): number {
    return this.calls.size;
  }

  /** An opaque that nothing waits under; also for oneway requests, so that both share one sequence. */
  nextOpaque(): number {
    do this.lastOpaque = (this.lastOpaque + 1) & 0x7fffffff;
    while (this.calls.has(this.lastOpaque));
    return this.lastOpaque;
  }

  /** To be called before the request is sent, so that an answer within the sending finds the call. */
  add(request: RemotingCommand, timeoutMillis: number, asker: Asker): void {
    // A whole number needs no box of its own on the heap, and thousands may wait.
    const deadline = Math.ceil(this.clock.monotonic() + timeoutMillis);
    this.calls.set(request.opaque, { code: request.code, timeoutMillis, deadline, asker });
    if (deadline < this.timerDue) this.arm(deadline);
  }

  /** Removes the call that waits under `opaque`; undefined when there is none (late, forged or doubled answers). */
  take(opaque: number): PendingCall | undefined {
    const call = this.calls.get(opaque);
    if (call !== undefined) this.calls.delete(opaque);
    return call;
  }

  /** Rejects all that wait. */
  failAll(error: MessagingError): void {
    this.timer?.cancel();
    this.timerDue = Number.POSITIVE_INFINITY;
    const waiting = [...this.calls.values()];
    this.calls.clear();
    for (const call of waiting) call.asker.answered(error, undefined);
  }

  private arm(due: number): void {
    this.timer?.cancel();
    this.timerDue = due;
    this.timer = this.clock.after(due - this.clock.monotonic(), this.sweep);
  }

  private readonly sweep = (): void => {
    const now = this.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const [opaque, call] of this.calls) {
      if (call.deadline > now) {
        if (call.deadline < next) next = call.deadline;
        continue;
      }
      this.calls.delete(opaque);
      call.asker.answered(
        new MessagingError(
          'TIMEOUT',
          `No answer from ${this.remoteAddress} to request ${call.code} within ${call.timeoutMillis} ms. It may have been ` +
            `carried out nevertheless; look at the load of the broker, or allow more time${this.hint()}`,
        ),
        undefined,
      );
    }
    this.timerDue = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.arm(Math.max(next, now + SWEEP_GAP));
  };
}
