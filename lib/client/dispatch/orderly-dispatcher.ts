import type { Clock } from '../../platform/index.js';
import { runHandler, type Dispatcher, type PauseState } from './dispatcher.js';
import { countOutcome } from '../counts.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import type { Listener } from '../consumer/listener-table.js';
import type { QueueLocks } from '../consumer/queue-locks.js';
import { isHeld, isPostponed, postpone, suspend } from './postponement.js';
import { RateLimiter } from './rate-limiter.js';
import { TurnShare } from './turn-share.js';
import { retryDelay } from '../settle/retry-delay.js';
import type { SendBack } from '../settle/send-back.js';
import { answered, countedAs } from '../requests/replies.js';
import { describe } from '../settle/settlers.js';
import { ConsumeTimeoutError } from '../settle/consume-timeout.js';
import { type FinalSettlement, type Postponement, reasonText, type Settlement } from '../settle/settle.js';

/** The deliveries of one queue that wait, in their order. */
class Line {
  items: Delivery[] = [];
  running = false;
  readonly share: TurnShare;

  constructor(clock: Clock) {
    this.share = new TurnShare(clock);
  }
}

/**
 * One message at a time per queue, in the order of the queue; queues go on side by side. A message that fails holds its
 * queue: it is tried again here, and becomes a dead letter when its retries are used up.
 */
export class OrderlyDispatcher implements Dispatcher {
  private readonly lines = new Map<ProcessQueue, Line>();
  private readonly rates = new Map<Listener, RateLimiter>();
  /** By queue that was given back: the message that took too long, with its attempts until then. */
  private readonly slow = new Map<string, Delivery>();
  private waking: (() => void)[] = [];

  constructor(
    private readonly group: GroupContext,
    private readonly pause: PauseState,
    private readonly locks: QueueLocks,
    private readonly sendBack: SendBack,
    /** The queue's lock is not ours any more: gives the queue up, which also ends its line here. */
    private readonly unlocked: (queue: ProcessQueue) => void,
    /** The same with one whose handler takes too long. */
    private readonly giveUp: (queue: ProcessQueue) => void,
  ) {}

  accept(queue: ProcessQueue, deliveries: readonly Delivery[]): void {
    let line = this.lines.get(queue);
    if (line === undefined) {
      this.lines.set(queue, (line = new Line(this.group.core.platform.clock)));
      queue.stopping.addEventListener('abort', () => {
        this.lines.delete(queue);
        this.wake();
      });
    }
    this.recall(queue, deliveries);
    line.items.push(...deliveries);
    if (!line.running) void this.run(queue, line);
  }

  wake(): void {
    const waking = this.waking;
    this.waking = [];
    for (const resolve of waking) resolve();
  }

  private async run(queue: ProcessQueue, line: Line): Promise<void> {
    const { clock } = this.group.core.platform;
    line.running = true;
    while (line.items.length > 0 && !queue.draining) {
      const batch = line.items;
      line.items = [];
      line.share.begin();
      for (const delivery of batch) {
        const settling = this.begin(queue, delivery);
        if (settling !== undefined) await settling;
        if (queue.draining) break;
        if (!line.share.over) continue;
        await new Promise<void>((resolve) => clock.defer(resolve));
        line.share.begin();
      }
    }
    line.running = false;
  }

  /** Undefined: its handler has ended at once and it is settled, without a promise. */
  private begin(queue: ProcessQueue, delivery: Delivery): Promise<void> | undefined {
    if (delivery.settled) return undefined;
    const mayBegin =
      !this.isPaused(delivery) &&
      !this.group.core.suspects.alone &&
      this.locks.holds(queue) &&
      delivery.listener?.binding.rateLimit === undefined &&
      !queue.suspects(delivery);
    if (!mayBegin) return this.untilSettled(queue, delivery, 0);
    const wait = this.attempt(queue, delivery);
    return delivery.settled ? undefined : this.untilSettled(queue, delivery, wait);
  }

  /** @param begun What the first attempt has come to, or comes to; 0 when there was none. */
  private async untilSettled(queue: ProcessQueue, delivery: Delivery, begun: number | Promise<number>): Promise<void> {
    const first = await begun;
    if (first > 0) await this.sleep(queue, first);
    let admitted = false;
    while (!queue.draining && !delivery.settled) {
      if (this.isPaused(delivery) || this.group.core.suspects.alone)
        await new Promise<void>((resolve) => this.waking.push(resolve));
      else if (!this.locks.holds(queue)) this.unlocked(queue);
      else if (!admitted && delivery.listener?.binding.rateLimit !== undefined) {
        admitted = true;
        await this.admit(queue, delivery.listener);
      } else {
        admitted = false;
        const wait = queue.suspects(delivery)
          ? await this.attemptAlone(queue, delivery)
          : await this.attempt(queue, delivery);
        if (wait > 0) await this.sleep(queue, wait);
      }
    }
  }

  /** Resolves when the listener's rate limit lets the message begin. */
  private async admit(queue: ProcessQueue, listener: Listener): Promise<void> {
    let rate = this.rates.get(listener);
    if (rate === undefined) {
      this.rates.set(listener, (rate = new RateLimiter(listener.binding.rateLimit!, this.group.core.platform.clock)));
    }
    const wait = rate.reserve(1);
    if (wait > 0) await this.sleep(queue, wait);
  }

  private isPaused(delivery: Delivery): boolean {
    return this.pause.paused || isHeld(delivery);
  }

  /** Undefined: it has failed already, by taking too long. */
  private handle(queue: ProcessQueue, delivery: Delivery): Settlement | Promise<Settlement | undefined> {
    const timeoutMillis = delivery.listener?.binding.consumeTimeoutMillis;
    if (timeoutMillis === undefined) return runHandler(delivery, this.group.core);
    return this.handleInTime(queue, delivery, timeoutMillis);
  }

  private async handleInTime(
    queue: ProcessQueue,
    delivery: Delivery,
    timeoutMillis: number,
  ): Promise<Settlement | undefined> {
    const { core } = this.group;
    const abort = new AbortController();
    const drop = (): void => abort.abort();
    queue.handlerSignal.addEventListener('abort', drop);
    let expired = false;
    const timer = core.platform.clock.after(timeoutMillis, () => {
      expired = true;
      const error = new ConsumeTimeoutError(timeoutMillis);
      void this.expire(queue, delivery, error);
      abort.abort(error);
    });
    const settlement = await runHandler(delivery, core, abort.signal);
    timer.cancel();
    queue.handlerSignal.removeEventListener('abort', drop);
    // Done late is done as well, as long as nobody else has the message.
    const counts = !expired || (settlement.kind === 'acknowledge' && !queue.dropped && !delivery.settled);
    if (counts) return settlement;
    core.counters.lateOutcomes++;
    return undefined;
  }

  /**
   * The queue goes to whoever takes it next, which may be this member, as soon as the handler has ended or the time for a
   * handover is over. Its last attempt makes the message a dead letter, and the queue goes on behind it.
   */
  private async expire(queue: ProcessQueue, delivery: Delivery, error: ConsumeTimeoutError): Promise<void> {
    const { core, settings } = this.group;
    core.counters.consumeTimeouts++;
    core.platform.logger.error(
      `${describe(delivery)} takes too long in the orderly group ${settings.group}, whose queue is given back: ${error.message}`,
    );
    if (queue.dropped) return;
    queue.begin();
    const failure: FinalSettlement = { kind: 'retry', error };
    const outcome = delivery.isRequest ? answered(core, delivery, failure) : failure;
    const wait = await this.settle(queue, delivery, outcome);
    if (wait > 0) this.slow.set(queue.key, delivery);
    this.giveUp(queue);
    queue.end();
  }

  /** Attempts of a message that was given back with its queue, and is here again. */
  private recall(queue: ProcessQueue, deliveries: readonly Delivery[]): void {
    const before = this.slow.get(queue.key);
    if (before === undefined) return;
    this.slow.delete(queue.key);
    const again = deliveries.find(({ queueOffset }) => queueOffset === before.queueOffset);
    if (again === undefined) return;
    again.attempt = before.attempt;
    again.firstFailedAt = before.firstFailedAt;
  }

  /** Returns how long the queue waits before the next attempt; 0 when the message is settled. */
  private attempt(queue: ProcessQueue, delivery: Delivery, verdict?: Settlement): number | Promise<number> {
    queue.begin();
    const settlement = verdict ?? this.handle(queue, delivery);
    const wait = settlement instanceof Promise ? undefined : this.ended(queue, delivery, settlement);
    if (typeof wait !== 'number') return this.attemptOn(queue, delivery, wait ?? settlement);
    queue.end();
    return wait;
  }

  /** The same from where it takes longer: in the handler, or in settling what it came to. */
  private async attemptOn(
    queue: ProcessQueue,
    delivery: Delivery,
    pending: Settlement | undefined | Promise<Settlement | undefined | number>,
  ): Promise<number> {
    try {
      const come = await pending;
      return typeof come === 'number' ? come : await this.ended(queue, delivery, come);
    } finally {
      queue.end();
    }
  }

  private ended(queue: ProcessQueue, delivery: Delivery, settlement: Settlement | undefined): number | Promise<number> {
    if (settlement === undefined || queue.dropped) return 0;
    let outcome = isPostponed(settlement) ? this.postponed(delivery, settlement) : settlement;
    if (typeof outcome === 'number') return outcome;
    if (delivery.isRequest) outcome = answered(this.group.core, delivery, outcome);
    return this.settle(queue, delivery, outcome);
  }

  /** Milliseconds that the queue waits, or what settles the message. */
  private postponed(delivery: Delivery, postponement: Postponement): number | FinalSettlement {
    suspend(this.group, delivery, postponement, () => this.wake());
    return postpone(this.group, delivery, postponement);
  }

  /** The same with a message that may have killed a process. */
  private async attemptAlone(queue: ProcessQueue, delivery: Delivery): Promise<number> {
    let wait = 0;
    await this.group.core.suspects.handle(delivery, async (verdict) => {
      // Its turn may have come late.
      if (this.isPaused(delivery) || !this.locks.holds(queue)) return;
      wait = await this.attempt(queue, delivery, verdict);
    });
    return wait;
  }

  private settle(queue: ProcessQueue, delivery: Delivery, settlement: FinalSettlement): number | Promise<number> {
    if (settlement.kind !== 'acknowledge') return this.settleFailure(queue, delivery, settlement);
    countOutcome(this.group.core.counters, delivery, countedAs(settlement));
    queue.complete(delivery);
    return 0;
  }

  private async settleFailure(
    queue: ProcessQueue,
    delivery: Delivery,
    settlement: FinalSettlement & { readonly error: unknown },
  ): Promise<number> {
    const { counters, platform } = this.group.core;
    const { group, suspendMillis } = this.group.settings;
    if (delivery.firstFailedAt === 0) delivery.firstFailedAt = platform.clock.now();
    const text = `${describe(delivery)} failed in the orderly group ${group}: ${reasonText(settlement.error)}`;
    const max = delivery.listener?.maxReconsumeTimes ?? this.group.settings.maxReconsumeTimes;
    if (settlement.kind === 'retry' && delivery.attempt <= max) {
      const delay = this.delay(delivery, settlement) ?? suspendMillis;
      countOutcome(counters, delivery, 'retried');
      delivery.attempt++;
      platform.logger.warn(`${text}; its queue waits ${delay} ms for attempt ${delivery.attempt}`);
      return Math.max(1, delay);
    }
    if (await this.sendBack.giveBack(delivery, settlement.error, undefined, true)) {
      countOutcome(counters, delivery, 'deadLettered');
      queue.complete(delivery);
      platform.logger.error(`${text}; it is a dead letter now (attempt ${delivery.attempt})`, settlement.error);
    }
    return 0;
  }

  private delay(delivery: Delivery, settlement: FinalSettlement): number | undefined {
    try {
      return retryDelay(delivery, settlement);
    } catch (error) {
      this.group.core.platform.logger.error(
        `The backoff of ${delivery.listener?.binding.name} threw; the default is used`,
        error,
      );
      return undefined;
    }
  }

  private async sleep(queue: ProcessQueue, milliseconds: number): Promise<void> {
    try {
      await this.group.core.platform.clock.sleep(milliseconds, queue.stopping);
    } catch {
      // The queue is taken away; the loop sees that by itself.
    }
  }
}
