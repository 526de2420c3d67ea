import type { AcknowledgeFirst } from './acknowledge-first.js';
import { callBatch } from './batch-call.js';
import type { BatchCollector } from './batch-collector.js';
import { BatchSignal } from './batch-signal.js';
import {
  callListener,
  type Dispatcher,
  isPending,
  type Outcome,
  type PauseState,
  refusalOf,
  type SettleDelivery,
} from './dispatcher.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Listener } from '../consumer/listener-table.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import type { WatchedCall } from './handler-watch.js';
import { Lane } from './lane.js';
import { isPostponed, postpone, suspend } from './postponement.js';
import { ACKNOWLEDGED, type FinalSettlement, type Postponement, type Settlement } from '../settle/settle.js';
import { describe } from '../settle/settlers.js';
import { SuspectLines } from './suspect-lines.js';

/** Up to `concurrency` handlers per listener at the same time. Serves concurrent and broadcast groups. */
export class ConcurrentDispatcher implements Dispatcher {
  private readonly lanes = new Map<Listener, Lane>();
  private readonly suspected: SuspectLines;

  constructor(
    private readonly group: GroupContext,
    private readonly pause: PauseState,
    private readonly settle: SettleDelivery,
    /** Delivery at most once. */
    private readonly first?: AcknowledgeFirst,
  ) {
    this.suspected = new SuspectLines(group, pause, settle, (deliveries) => this.release(deliveries));
  }

  accept(queue: ProcessQueue, deliveries: readonly Delivery[]): void {
    // What is acknowledged first kills one process, not three.
    if (this.first !== undefined) queue.suspicion = undefined;
    if (queue.suspicion === undefined) this.release(deliveries);
    else this.suspected.accept(queue, deliveries);
  }

  private release(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.listener === undefined) this.process(delivery, undefined);
      else this.lane(delivery.listener).push(delivery);
    }
    this.advanceAll();
  }

  wake(): void {
    this.suspected.wake();
    this.advanceAll();
  }

  /** After queues have been given up. */
  sweep(): void {
    this.suspected.wake();
    for (const lane of this.lanes.values()) lane.sweep();
    // Keys may be free now.
    this.advanceAll();
  }

  private advanceAll(): void {
    for (const lane of this.lanes.values()) this.advance(lane);
  }

  private lane(listener: Listener): Lane {
    let lane = this.lanes.get(listener);
    if (lane === undefined) this.lanes.set(listener, (lane = this.open(listener)));
    return lane;
  }

  private open(listener: Listener): Lane {
    const lane: Lane = new Lane(
      listener,
      this.group.core.platform.clock,
      () => this.advance(lane),
      (call, error) => this.expire(call, error),
    );
    return lane;
  }

  private advance(lane: Lane): void {
    // A handler that ends at once comes back here: the loop below goes on with it, a recursion would grow with the backlog.
    if (lane.running || lane.resting) return;
    lane.running = true;
    lane.share.begin();
    try {
      if (lane.batch !== undefined) lane.fill();
      while (this.mayBegin(lane) && this.beginNext(lane)) {
        if (!lane.share.over) continue;
        lane.rest(() => this.advance(lane));
        break;
      }
    } finally {
      lane.running = false;
    }
  }

  private mayBegin(lane: Lane): boolean {
    return (
      lane.handlers < lane.listener.concurrency &&
      !lane.listener.paused &&
      !lane.listener.suspension.active &&
      !this.pause.paused &&
      !this.group.core.suspects.alone &&
      (lane.rate === undefined || lane.rate.mayBegin(lane.empty))
    );
  }

  /** False: there is nothing to begin with. */
  private beginNext(lane: Lane): boolean {
    if (lane.batch !== undefined) return this.beginBatch(lane, lane.batch);
    const delivery = lane.take();
    if (delivery === undefined) return false;
    lane.handlers++;
    lane.rate?.begin(1);
    this.process(delivery, lane, lane.keys?.failureOf(delivery));
    return true;
  }

  private beginBatch(lane: Lane, batch: BatchCollector): boolean {
    if (!batch.ready) return false;
    const deliveries = batch.take();
    lane.fill();
    if (deliveries.length > 0) {
      lane.handlers++;
      lane.rate?.begin(deliveries.length);
      void this.processBatch(deliveries, lane);
    }
    return true;
  }

  private process(delivery: Delivery, lane: Lane | undefined, failure?: { readonly error: unknown }): void {
    delivery.queue.begin();
    if (this.first === undefined) this.call(delivery, lane, failure);
    else void this.callAcknowledged(this.first, delivery, lane, failure);
  }

  private async callAcknowledged(
    first: AcknowledgeFirst,
    delivery: Delivery,
    lane: Lane | undefined,
    failure: { readonly error: unknown } | undefined,
  ): Promise<void> {
    if (await first.before(delivery)) this.call(delivery, lane, failure);
    else {
      this.leave(lane, delivery);
      delivery.queue.end();
    }
  }

  /** A handler that ends at once is settled at once, without a promise. */
  private call(delivery: Delivery, lane: Lane | undefined, failure: { readonly error: unknown } | undefined): void {
    const { core } = this.group;
    const watched = lane?.watch?.begin([delivery]);
    core.counters.inFlight++;
    // Written out here instead of calling `runHandler`: that would be a second promise for a handler that takes its time.
    let outcome: Outcome | Promise<Outcome>;
    try {
      if (failure !== undefined) throw failure.error;
      outcome = callListener(delivery, core, watched?.signal);
    } catch (error) {
      outcome = { kind: 'retry', error };
    }
    if (isPending(outcome)) void this.endLater(outcome, delivery, lane, watched);
    else this.end(outcome ?? ACKNOWLEDGED, delivery, lane, watched);
  }

  private async endLater(
    pending: Promise<Outcome>,
    delivery: Delivery,
    lane: Lane | undefined,
    watched: WatchedCall | undefined,
  ): Promise<void> {
    let settlement: Settlement;
    try {
      settlement = (await pending) ?? ACKNOWLEDGED;
    } catch (error) {
      settlement = { kind: 'retry', error };
    }
    this.end(settlement, delivery, lane, watched);
  }

  private end(
    settlement: Settlement,
    delivery: Delivery,
    lane: Lane | undefined,
    watched: WatchedCall | undefined,
  ): void {
    const { queue } = delivery;
    const { counters } = this.group.core;
    counters.inFlight--;
    counters.consumed++;
    let settling: void | Promise<void>;
    if (watched !== undefined && !lane!.watch!.end(watched)) settling = this.late(delivery);
    else {
      const outcome = isPostponed(settlement) ? this.postponed(delivery, settlement, lane!) : settlement;
      if (outcome === undefined) {
        lane!.handlers--;
        this.advance(lane!);
        queue.end();
        return;
      }
      settling = this.settled(delivery, outcome);
    }
    // Giving a message back takes a round trip or more; its place is free for the next one meanwhile.
    this.leave(lane, delivery);
    if (settling === undefined) queue.end();
    else void this.finish(delivery, settling);
  }

  /** The handler's place, and that of its key, are free. */
  private leave(lane: Lane | undefined, delivery: Delivery): void {
    if (lane === undefined) return;
    lane.handlers--;
    lane.keys?.leave(delivery);
    this.advance(lane);
  }

  /** Undefined: it is kept in its lane, with its key, unless its queue was taken away. Otherwise what settles it. */
  private postponed(delivery: Delivery, postponement: Postponement, lane: Lane): FinalSettlement | undefined {
    const once = this.first !== undefined;
    if (delivery.queue.draining && !once) {
      lane.letGo(delivery);
      return undefined;
    }
    const outcome = postpone(this.group, delivery, postponement, once);
    if (typeof outcome === 'number') lane.postpone(delivery, outcome);
    suspend(this.group, delivery, postponement, () => this.advance(lane));
    return typeof outcome === 'number' ? undefined : outcome;
  }

  private settled(delivery: Delivery, settlement: FinalSettlement): void | Promise<void> {
    // What a handler did with a message that another member may have by now counts for nothing; nobody else has one that
    // was acknowledged first.
    return delivery.queue.dropped && this.first === undefined ? undefined : this.settle(delivery, settlement);
  }

  private async processBatch(deliveries: readonly Delivery[], lane: Lane): Promise<void> {
    const { core } = this.group;
    for (const { queue } of deliveries) queue.begin();
    const open: Delivery[] = [];
    for (const delivery of await this.acknowledged(deliveries)) {
      const refusal = refusalOf(delivery, core);
      if (refusal === undefined) open.push(delivery);
      else void this.finish(delivery, this.settled(delivery, refusal));
    }
    let inTime = true;
    let outcomes: readonly Settlement[] = [];
    if (open.length > 0) {
      const call = lane.watch?.begin(open);
      const ownSignal = call === undefined ? new BatchSignal(open) : undefined;
      core.counters.inFlight += open.length;
      outcomes = await callBatch(open, (call ?? ownSignal!).signal);
      core.counters.inFlight -= open.length;
      core.counters.consumed += open.length;
      ownSignal?.close();
      inTime = call === undefined || lane.watch!.end(call);
    }
    const settling = open.map((delivery, index) =>
      this.finish(delivery, inTime ? this.settledOfBatch(delivery, outcomes[index]!, lane) : this.late(delivery)),
    );
    lane.handlers--;
    this.advance(lane);
    await Promise.all(settling);
  }

  private settledOfBatch(delivery: Delivery, settlement: Settlement, lane: Lane): void | Promise<void> {
    const outcome = isPostponed(settlement) ? this.postponed(delivery, settlement, lane) : settlement;
    return outcome === undefined ? undefined : this.settled(delivery, outcome);
  }

  /** Those that may be handled. */
  private async acknowledged(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    const { first } = this;
    if (first === undefined) return deliveries;
    const stored = await Promise.all(deliveries.map((delivery) => first.before(delivery)));
    deliveries.forEach(({ queue }, index) => {
      if (stored[index] === false) queue.end();
    });
    return deliveries.filter((_, index) => stored[index]);
  }

  private async finish({ queue }: Delivery, settling: void | Promise<void>): Promise<void> {
    if (settling !== undefined) await settling;
    queue.end();
  }

  /** Its handler goes on, in its place, and is told; the message is tried again meanwhile. */
  private expire({ deliveries }: WatchedCall, error: Error): void {
    this.group.core.counters.consumeTimeouts += deliveries.length;
    for (const delivery of deliveries) {
      delivery.queue.begin();
      void this.finish(delivery, this.settled(delivery, { kind: 'retry', error }));
    }
  }

  private late(delivery: Delivery): void {
    const { counters, platform } = this.group.core;
    counters.lateOutcomes++;
    platform.logger.warn(
      `${describe(delivery)} was handled to the end after its time-out in the group ${this.group.settings.group}: it is given back already`,
    );
  }
}
