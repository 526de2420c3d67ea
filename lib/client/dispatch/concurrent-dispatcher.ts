import { callListener, type Dispatcher, type PauseState, type SettleDelivery } from './dispatcher.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Listener } from '../consumer/listener-table.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import { ACKNOWLEDGED, type Settlement } from '../settle/settle.js';
import { SuspectLines } from './suspect-lines.js';

/** The messages of one queue that wait for a listener. */
class Backlog {
  private items: Delivery[] = [];
  private head = 0;

  constructor(readonly queue: ProcessQueue) {}

  push(delivery: Delivery): void {
    this.items.push(delivery);
  }

  take(): Delivery | undefined {
    const delivery = this.items[this.head];
    if (delivery === undefined) return undefined;
    this.head++;
    if (this.head === this.items.length) {
      this.items = [];
      this.head = 0;
    }
    return delivery;
  }

  get empty(): boolean {
    return this.head === this.items.length;
  }
}

/** A listener with its share of handlers. Queues take turns, so that a long one does not keep the others waiting. */
class Lane {
  running = false;
  handlers = 0;
  private readonly backlogs = new Map<ProcessQueue, Backlog>();
  /** The backlogs that have something, in the order of their turns. */
  private ring: Backlog[] = [];
  private last: Backlog | undefined;

  constructor(readonly listener: Listener) {}

  push(delivery: Delivery): void {
    let backlog = this.last?.queue === delivery.queue ? this.last : this.backlogs.get(delivery.queue);
    if (backlog === undefined) this.backlogs.set(delivery.queue, (backlog = new Backlog(delivery.queue)));
    this.last = backlog;
    if (backlog.empty) this.ring.push(backlog);
    backlog.push(delivery);
  }

  take(): Delivery | undefined {
    for (;;) {
      const backlog = this.ring.shift();
      if (backlog === undefined) return undefined;
      const delivery = backlog.take();
      if (backlog.queue.draining) {
        this.forget(backlog);
        continue;
      }
      if (!backlog.empty) this.ring.push(backlog);
      return delivery;
    }
  }

  private forget(backlog: Backlog): void {
    this.backlogs.delete(backlog.queue);
    if (this.last === backlog) this.last = undefined;
  }

  /** Queues come and go with every rebalance: those that are gone must not be kept for ever. */
  sweep(): void {
    for (const backlog of this.backlogs.values()) {
      if (backlog.queue.draining && backlog.empty) this.forget(backlog);
    }
  }
}

/** Up to `concurrency` handlers per listener at the same time. Serves concurrent and broadcast groups. */
export class ConcurrentDispatcher implements Dispatcher {
  private readonly lanes = new Map<Listener, Lane>();
  private readonly suspected: SuspectLines;

  constructor(
    private readonly group: GroupContext,
    private readonly pause: PauseState,
    private readonly settle: SettleDelivery,
  ) {
    this.suspected = new SuspectLines(group, pause, settle, (deliveries) => this.release(deliveries));
  }

  accept(queue: ProcessQueue, deliveries: readonly Delivery[]): void {
    if (queue.suspicion === undefined) this.release(deliveries);
    else this.suspected.accept(queue, deliveries);
  }

  private release(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.listener === undefined) void this.process(delivery, undefined);
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
  }

  private advanceAll(): void {
    for (const lane of this.lanes.values()) this.advance(lane);
  }

  private lane(listener: Listener): Lane {
    let lane = this.lanes.get(listener);
    if (lane === undefined) this.lanes.set(listener, (lane = new Lane(listener)));
    return lane;
  }

  private advance(lane: Lane): void {
    // A handler that ends at once comes back here: the loop below goes on with it, a recursion would grow with the backlog.
    if (lane.running) return;
    lane.running = true;
    const { suspects } = this.group.core;
    while (
      lane.handlers < lane.listener.concurrency &&
      !lane.listener.paused &&
      !this.pause.paused &&
      !suspects.alone
    ) {
      const delivery = lane.take();
      if (delivery === undefined) break;
      lane.handlers++;
      void this.process(delivery, lane);
    }
    lane.running = false;
  }

  private async process(delivery: Delivery, lane: Lane | undefined): Promise<void> {
    const { queue } = delivery;
    const { counters } = this.group.core;
    let settlement: Settlement;
    queue.begin();
    counters.inFlight++;
    // Written out here instead of calling `runHandler`: that would be a second promise per message.
    try {
      settlement = (await callListener(delivery, this.group.core)) ?? ACKNOWLEDGED;
    } catch (error) {
      settlement = { kind: 'retry', error };
    }
    counters.inFlight--;
    counters.consumed++;
    if (lane !== undefined) lane.handlers--;
    // What a handler did with a message that another member may have by now counts for nothing.
    const settling = queue.dropped ? undefined : this.settle(delivery, settlement);
    // Giving a message back takes a round trip or more; its place is free for the next one meanwhile.
    if (lane !== undefined) this.advance(lane);
    if (settling !== undefined) await settling;
    queue.end();
  }
}
