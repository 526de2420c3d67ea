import type { Clock } from '../../platform/index.js';
import type { Listener } from '../consumer/listener-table.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import { BatchCollector } from './batch-collector.js';
import { HandlerWatch, type WatchedCall } from './handler-watch.js';
import { KeyOrder } from './key-order.js';
import { Postponed } from './postponed.js';
import { RateLimiter } from './rate-limiter.js';
import { TurnShare } from './turn-share.js';

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
export class Lane {
  running = false;
  /** It has held the event loop long enough and goes on in the next turn. */
  resting = false;
  handlers = 0;
  readonly share: TurnShare;
  readonly rate: RateLimiter | undefined;
  readonly keys: KeyOrder | undefined;
  readonly batch: BatchCollector | undefined;
  readonly watch: HandlerWatch | undefined;
  private readonly backlogs = new Map<ProcessQueue, Backlog>();
  /** The backlogs that have something, in the order of their turns. */
  private ring: Backlog[] = [];
  private last: Backlog | undefined;
  private postponed: Postponed | undefined;
  /** They were postponed and their time has come: before all others. Each still has its key. */
  private again: Delivery[] = [];

  constructor(
    readonly listener: Listener,
    private readonly clock: Clock,
    /** Lets begin what may begin now. */
    private readonly advance: () => void,
    /** A handler takes longer than it may. */
    expire: (call: WatchedCall, error: Error) => void = () => {},
  ) {
    this.share = new TurnShare(clock);
    const { rateLimit, keyOrder, batch, consumeTimeoutMillis } = listener.binding;
    if (batch !== undefined) this.batch = new BatchCollector(batch, clock, advance);
    if (consumeTimeoutMillis !== undefined) this.watch = new HandlerWatch(consumeTimeoutMillis, clock, expire);
    if (keyOrder !== undefined) this.keys = new KeyOrder(keyOrder);
    if (rateLimit !== undefined) this.rate = new RateLimiter(rateLimit, clock, advance);
  }

  rest(goOn: () => void): void {
    this.resting = true;
    this.clock.defer(() => {
      this.resting = false;
      goOn();
    });
  }

  /** Whether there is nothing that could begin. */
  get empty(): boolean {
    if (this.batch !== undefined) return !this.batch.ready;
    if (this.again.length > 0) return false;
    return this.ring.length === 0 && (this.keys === undefined || this.keys.empty);
  }

  push(delivery: Delivery): void {
    let backlog = this.last?.queue === delivery.queue ? this.last : this.backlogs.get(delivery.queue);
    if (backlog === undefined) this.backlogs.set(delivery.queue, (backlog = new Backlog(delivery.queue)));
    this.last = backlog;
    if (backlog.empty) this.ring.push(backlog);
    backlog.push(delivery);
  }

  /** The next message whose handler may begin. */
  take(): Delivery | undefined {
    if (this.again.length > 0) {
      const delivery = this.takeAgain();
      if (delivery !== undefined) return delivery;
    }
    return this.keys === undefined ? this.next() : this.keys.take(() => this.next());
  }

  /** Completes the next batch as far as messages are there. */
  fill(): void {
    this.batch?.fill(() => this.takeAgain() ?? this.next());
  }

  /** Its handler is called again after this; until then its place is free for others, but not its key. */
  postpone(delivery: Delivery, delayMillis: number): void {
    this.postponed ??= new Postponed(this.clock, (deliveries) => {
      this.again.push(...deliveries);
      this.advance();
    });
    this.postponed.add(delivery, delayMillis);
  }

  /** It is left to others: those behind it may begin. */
  letGo(delivery: Delivery): void {
    this.keys?.leave(delivery);
  }

  private takeAgain(): Delivery | undefined {
    for (let next = this.again.shift(); next !== undefined; next = this.again.shift()) {
      if (!next.queue.draining) return next;
      this.letGo(next);
    }
    return undefined;
  }

  private next(): Delivery | undefined {
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
    for (const delivery of this.postponed?.sweep() ?? []) this.letGo(delivery);
  }
}
