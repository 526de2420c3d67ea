import type { Clock, Timer } from '../../platform/index.js';
import { MessagingError, type PackAnswerHeader, type RemotingCommand, ResponseCode } from '../../protocol/index.js';
import type { Asker } from '../../remoting/index.js';
import type { SendCall, UnderWay } from './send-call.js';

/** Who is told what became of the messages of a pack. */
export interface PackedAttempts {
  /** Stored, or refused with a code and a remark. */
  answeredInPack(call: SendCall, answer: PackAnswerHeader, place: number): void;
  /** No answer. */
  failedInPack(call: SendCall, error: MessagingError): void;
  /** The broker has refused the pack and stored nothing of it: each message is to be sent on its own. */
  refusedInPack(call: SendCall): void;
}

/** The way that packs take to one broker. */
export interface PackWay extends UnderWay {
  readonly remoteAddress: string;
  /** The broker has refused a whole pack. */
  rest(): void;
}

/** A time-out comes at most this much late, and never early; see PendingCalls. */
const SLACK_MILLIS = 10;

/**
 * One pack that waits for its answer. The channel waits until the last deadline in it; sends that end more than SLACK
 * before that are ended here, which takes a timer only where time-outs differ.
 */
export class PackCall implements Asker {
  /** On the monotonic clock. */
  readonly lastDeadline: number;
  private timer: Timer | undefined;
  private open: number;

  constructor(
    private readonly way: PackWay,
    private readonly attempts: PackedAttempts,
    /** Undefined from the moment on that one has run out of time. */
    private readonly calls: (SendCall | undefined)[],
    private readonly clock: Clock,
  ) {
    this.open = calls.length;
    let last = 0;
    for (const call of calls) last = Math.max(last, call!.unit.deadline);
    this.lastDeadline = last;
    this.arm();
  }

  answered(error: MessagingError | undefined, response: RemotingCommand | undefined): void {
    this.timer?.cancel();
    this.way.settled(this.open);
    const { attempts, calls } = this;
    if (response !== undefined && response.code !== ResponseCode.SUCCESS) {
      this.way.rest();
      for (const call of calls) if (call !== undefined) attempts.refusedInPack(call);
      return;
    }
    const answer = response?.header as PackAnswerHeader | undefined;
    if (answer === undefined || answer.codes.length !== calls.length) {
      const failure =
        error ?? new MessagingError('BROKER_ERROR', 'A pack was answered with the results of another one');
      for (const call of calls) if (call !== undefined) attempts.failedInPack(call, failure);
      return;
    }
    for (let place = 0; place < calls.length; place++) {
      const call = calls[place];
      if (call === undefined) continue;
      // What is left of a pack after its answer may lie in the old part of the heap, dead and not yet found so: all that it
      // still points to would be copied there as well (measured: half of what a send allocates).
      calls[place] = undefined;
      attempts.answeredInPack(call, answer, place);
    }
  }

  private arm(): void {
    let first = this.lastDeadline;
    for (const call of this.calls) if (call !== undefined && call.unit.deadline < first) first = call.unit.deadline;
    if (first + SLACK_MILLIS >= this.lastDeadline) return;
    this.timer = this.clock.after(first - this.clock.monotonic(), this.sweep);
  }

  private readonly sweep = (): void => {
    const now = this.clock.monotonic();
    this.calls.forEach((call, place) => {
      if (call === undefined || call.unit.deadline > now) return;
      this.calls[place] = undefined;
      this.open--;
      this.way.settled(1);
      const reason = `No answer from ${this.way.remoteAddress} to a send to ${call.unit.topic} in time. It may have been carried out nevertheless; look at the load of the broker, or allow more time`;
      this.attempts.failedInPack(call, new MessagingError('TIMEOUT', reason));
    });
    this.arm();
  };
}
