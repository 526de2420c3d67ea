import type { Clock, Timer } from '../platform/index.js';
import { MessagingError, type RemotingCommand } from '../protocol/index.js';
import type { Asker } from './channel.js';

/**
 * After a sweep the next one is at least this far away: thousands of requests that run out one after another cost a
 * hundred sweeps a second, not one each. A time-out comes at most this much late, and never early.
 */
const SWEEP_GAP = 10;

/** Grows with what waits at once; a power of two. */
const FEWEST_SLOTS = 16;

/** One request that waits for its answer. A class, so that it is always made young; see commands. */
export class PendingCall {
  constructor(
    readonly opaque: number,
    readonly code: number,
    readonly timeoutMillis: number,
    readonly deadline: number,
    readonly asker: Asker,
  ) {}
}

/**
 * The requests of one direction of a channel that wait for an answer, by opaque. One timer serves them all: a timer of
 * its own per request costs more than the request itself in process.
 *
 * A table of slots; the lower bits of the opaque are the place. Not a Map: whenever one is laid out anew, its old table
 * points to the new one. Once one of them lies in the old part of the heap, all that follow are copied there, with the
 * requests in them that were answered long ago (measured: half of what a send allocates).
 */
export class PendingCalls {
  private slots: (PendingCall | undefined)[] = emptySlots(FEWEST_SLOTS);
  private count = 0;
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
    return this.count;
  }

  /** An opaque whose slot is free; also for oneway requests, so that both share one sequence. */
  nextOpaque(): number {
    const mask = this.slots.length - 1;
    do this.lastOpaque = (this.lastOpaque + 1) & 0x7fffffff;
    while (this.slots[this.lastOpaque & mask] !== undefined);
    return this.lastOpaque;
  }

  /** To be called before the request is sent, so that an answer within the sending finds the call. Its opaque is of `nextOpaque`. */
  add(request: RemotingCommand, timeoutMillis: number, asker: Asker): void {
    // A whole number needs no box of its own on the heap, and thousands may wait.
    const deadline = Math.ceil(this.clock.monotonic() + timeoutMillis);
    const { opaque, code } = request;
    this.slots[opaque & (this.slots.length - 1)] = new PendingCall(opaque, code, timeoutMillis, deadline, asker);
    // At most half full, so that a free slot is near.
    if (++this.count * 2 > this.slots.length) this.grow();
    if (deadline < this.timerDue) this.arm(deadline);
  }

  /** Removes the call that waits under `opaque`; undefined when there is none (late, forged or doubled answers). */
  take(opaque: number): PendingCall | undefined {
    const slot = opaque & (this.slots.length - 1);
    const call = this.slots[slot];
    if (call === undefined || call.opaque !== opaque) return undefined;
    this.slots[slot] = undefined;
    this.count--;
    return call;
  }

  /** Rejects all that wait. */
  failAll(error: MessagingError): void {
    this.timer?.cancel();
    this.timerDue = Number.POSITIVE_INFINITY;
    const waiting = this.inOrder();
    this.slots = emptySlots(FEWEST_SLOTS);
    this.count = 0;
    for (const call of waiting) call.asker.answered(error, undefined);
  }

  /** Those that wait, the oldest first. */
  private inOrder(): PendingCall[] {
    const age = ({ opaque }: PendingCall): number => (this.lastOpaque - opaque) & 0x7fffffff;
    return this.slots.filter((call) => call !== undefined).sort((a, b) => age(b) - age(a));
  }

  private grow(): void {
    const before = this.slots;
    this.slots = emptySlots(before.length * 2);
    const mask = this.slots.length - 1;
    for (const call of before) if (call !== undefined) this.slots[call.opaque & mask] = call;
  }

  private arm(due: number): void {
    this.timer?.cancel();
    this.timerDue = due;
    this.timer = this.clock.after(due - this.clock.monotonic(), this.sweep);
  }

  private readonly sweep = (): void => {
    const now = this.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    // Whoever is answered may ask again at once.
    this.timerDue = Number.POSITIVE_INFINITY;
    for (const call of this.inOrder()) {
      if (call.deadline > now) {
        if (call.deadline < next) next = call.deadline;
        continue;
      }
      // An earlier one in this sweep may have closed the channel, which ends all.
      if (this.take(call.opaque) === undefined) continue;
      call.asker.answered(
        new MessagingError(
          'TIMEOUT',
          `No answer from ${this.remoteAddress} to request ${call.code} within ${call.timeoutMillis} ms. It may have been ` +
            `carried out nevertheless; look at the load of the broker, or allow more time${this.hint()}`,
        ),
        undefined,
      );
    }
    const due = Math.max(next, now + SWEEP_GAP);
    if (due < this.timerDue) this.arm(due);
  };
}

function emptySlots(count: number): (PendingCall | undefined)[] {
  return new Array<PendingCall | undefined>(count).fill(undefined);
}
