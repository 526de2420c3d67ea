import type { Clock, Timer } from '../platform/index.js';
import type { PullMessageRequestHeader } from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { Subscription } from './subscription.js';

/** A pull that waits for messages. A class, so that it is always made young. */
export class HeldPull {
  /** Its place among the pulls of its channel. */
  place = -1;

  constructor(
    readonly header: PullMessageRequestHeader,
    readonly channel: Channel,
    readonly respond: Respond,
    readonly subscription: Subscription,
    /** Where it reads on: behind what was looked at in vain while it waited. */
    readonly offset: number,
    /** Monotonic milliseconds at which it is answered whatever has come. */
    readonly deadline: number,
  ) {}
}

/** Expired pulls are answered this much late at the most: so many share one firing of the timer. */
const SWEEP_GRANULARITY = 50;

/**
 * The pulls that wait, found by queue, so that a stored message finds its waiters without a scan, and bounded.
 * One timer serves all deadlines.
 *
 * The tables keep their entries, with empty lists, until the next sweep: at one pull a message an entry would come and go each
 * time, a `Map` or `Set` is then laid out anew every few times, and once one of its tables is old, all later ones outlive
 * collections together with the pulls that they had (measured: 360 bytes a message, which made the collector go through
 * the whole heap every three seconds).
 */
export class HeldPulls {
  private readonly topics = new Map<string, Map<number, HeldPull[]>>();
  private readonly channels = new Map<Channel, HeldPull[]>();
  private timer: Timer | undefined;
  private timerDue = Infinity;
  private count = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limit: number,
    /**
     * Answers a pull that has left the table. `woken`: by messages that may interest it, so it may also wait on. `company`: others
     * are resumed with it, in the same turn.
     */
    private readonly resume: (pull: HeldPull, woken: boolean, company: boolean) => void,
  ) {}

  get size(): number {
    return this.count;
  }

  /** False when the table is full. */
  hold(pull: HeldPull): boolean {
    if (this.count >= this.limit) return false;
    const { topic, queueId } = pull.header;
    let queues = this.topics.get(topic);
    if (queues === undefined) this.topics.set(topic, (queues = new Map()));
    const pulls = queues.get(queueId);
    if (pulls === undefined) queues.set(queueId, [pull]);
    else pulls.push(pull);
    let own = this.channels.get(pull.channel);
    if (own === undefined) this.channels.set(pull.channel, (own = []));
    pull.place = own.push(pull) - 1;
    this.count++;
    this.arm(pull.deadline);
    return true;
  }

  /** Resumes the pulls that the new messages may interest; `tagsCodes` undefined: of unknown tags. */
  wake(topic: string, queueId: number, newMaxOffset: number, tagsCodes: readonly number[] | undefined): void {
    const pulls = this.topics.get(topic)?.get(queueId);
    if (pulls === undefined) return;
    let woken: HeldPull[] | undefined;
    for (const pull of pulls) {
      if (newMaxOffset <= pull.offset) continue;
      const { matches } = pull.subscription;
      if (matches !== undefined && tagsCodes !== undefined && !tagsCodes.some(matches)) continue;
      (woken ??= []).push(pull);
    }
    if (woken !== undefined) this.resumeAll(woken, true);
  }

  /** Resumes all pulls of a topic, or of all topics. */
  release(topic?: string): void {
    const pulls: HeldPull[] = [];
    for (const [name, queues] of this.topics) {
      if (topic === undefined || topic === name) for (const waiting of queues.values()) pulls.push(...waiting);
    }
    this.resumeAll(pulls, false);
  }

  /** Drops the pulls of a channel that has closed; nobody waits for their answers. */
  drop(channel: Channel): void {
    for (const pull of this.channels.get(channel)?.slice() ?? []) this.remove(pull);
    this.channels.delete(channel);
  }

  private resumeAll(pulls: readonly HeldPull[], woken: boolean): void {
    for (const pull of pulls) this.remove(pull);
    const company = pulls.length > 1;
    for (const pull of pulls) this.resume(pull, woken, company);
  }

  private remove(pull: HeldPull): void {
    const { topic, queueId } = pull.header;
    const pulls = this.topics.get(topic)?.get(queueId);
    const own = this.channels.get(pull.channel);
    if (pulls === undefined || own === undefined || own[pull.place] !== pull) return;
    if (pulls[pulls.length - 1] === pull) pulls.pop();
    else pulls.splice(pulls.indexOf(pull), 1);
    const last = own.pop()!;
    if (last !== pull) {
      own[pull.place] = last;
      last.place = pull.place;
    }
    this.count--;
  }

  /** Queues and channels for which nothing waits any more. */
  private forgetEmpty(): void {
    for (const [topic, queues] of this.topics) {
      for (const [queueId, pulls] of queues) if (pulls.length === 0) queues.delete(queueId);
      if (queues.size === 0) this.topics.delete(topic);
    }
    for (const [channel, own] of this.channels) if (own.length === 0) this.channels.delete(channel);
  }

  private arm(deadline: number): void {
    if (deadline >= this.timerDue) return;
    this.timer?.cancel();
    this.timerDue = deadline;
    this.timer = this.clock.after(deadline - this.clock.monotonic(), this.sweep);
  }

  private readonly sweep = (): void => {
    this.timer = undefined;
    this.timerDue = Infinity;
    const now = this.clock.monotonic();
    const expired: HeldPull[] = [];
    let next = Infinity;
    for (const own of this.channels.values()) {
      for (const pull of own) {
        if (pull.deadline <= now) expired.push(pull);
        else next = Math.min(next, pull.deadline);
      }
    }
    if (next !== Infinity) this.arm(Math.max(next, now + SWEEP_GRANULARITY));
    this.resumeAll(expired, false);
    this.forgetEmpty();
  };
}
