import { MessagingError } from '../../protocol/index.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Listener } from '../consumer/listener-table.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import type { FinalSettlement, Postponement } from '../settle/settle.js';
import { type Dispatcher, type PauseState, refusalOf, type SettleDelivery } from './dispatcher.js';
import { postpone } from './postponement.js';
import { Lane } from './lane.js';

/** Fetched messages that wait to be asked for, and those that were given out and are not settled. */
export class Inbox implements Dispatcher {
  private lane: Lane | undefined;
  /** The same message may be settled once. */
  private readonly given = new Map<ReceivedMessage, Delivery>();
  /** Given out, and then their queue was taken away: settling them means nothing any more. */
  private readonly stale = new WeakSet<ReceivedMessage>();
  private readonly waiting = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly group: GroupContext,
    private readonly pause: PauseState,
    private readonly settleDelivery: SettleDelivery,
  ) {}

  accept(_queue: ProcessQueue, deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.listener === undefined) {
        delivery.queue.begin();
        void this.finish(delivery, refusalOf(delivery, this.group.core)!);
      } else this.laneOf(delivery.listener).push(delivery);
    }
    this.wake();
  }

  wake(): void {
    for (const go of [...this.waiting]) go();
  }

  /** After queues have been given up: what was given out of them is another member's now. */
  sweep(): void {
    this.lane?.sweep();
    for (const [message, { queue }] of this.given) {
      if (!queue.dropped) continue;
      this.given.delete(message);
      this.stale.add(message);
      queue.end();
    }
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  /** Up to `most` messages: what is there, or what comes first within the time. */
  async poll(most: number, timeoutMillis: number): Promise<ReceivedMessage[]> {
    const { clock } = this.group.core.platform;
    const end = clock.monotonic() + timeoutMillis;
    for (;;) {
      const messages = this.take(most);
      const left = end - clock.monotonic();
      if (messages.length > 0 || left <= 0 || this.closed) return messages;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.waiting.delete(go);
          timer.cancel();
          resolve();
        };
        const timer = clock.after(left, go);
        this.waiting.add(go);
      });
    }
  }

  /**
   * Resolves when the broker has what it must have. A message that another member may have by now is left alone.
   * @throws MessagingError BAD_ARGUMENT for one that was not polled here, or is settled.
   */
  async settle(message: ReceivedMessage, settlement: FinalSettlement): Promise<void> {
    const delivery = this.takeBack(message);
    if (delivery !== undefined) await this.finish(delivery, settlement);
  }

  /** It is given out again, by the same member, when this time is over. Throws as `settle` does. */
  postpone(message: ReceivedMessage, postponement: Postponement): void {
    const delivery = this.takeBack(message);
    if (delivery === undefined) return;
    const { queue } = delivery;
    if (queue.dropped) this.group.core.counters.lateOutcomes++;
    else if (!queue.draining) {
      const kept = postpone(this.group, delivery, postponement);
      if (typeof kept === 'number') this.lane!.postpone(delivery, kept);
    }
    queue.end();
  }

  /** Undefined: another member may have it by now. */
  private takeBack(message: ReceivedMessage): Delivery | undefined {
    const delivery = this.given.get(message);
    if (delivery === undefined) {
      if (this.stale.has(message) || this.closed) {
        this.group.core.counters.lateOutcomes++;
        return undefined;
      }
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The message ${message.messageId} was not polled from this consumer, or is settled already`,
      );
    }
    this.given.delete(message);
    this.group.core.counters.consumed++;
    return delivery;
  }

  private take(most: number): ReceivedMessage[] {
    const messages: ReceivedMessage[] = [];
    while (messages.length < most && !this.pause.paused && !this.closed) {
      const delivery = this.lane?.take();
      if (delivery === undefined) break;
      delivery.queue.begin();
      const refusal = refusalOf(delivery, this.group.core);
      if (refusal !== undefined) {
        void this.finish(delivery, refusal);
        continue;
      }
      const message = new ReceivedMessage(delivery.record, delivery);
      this.given.set(message, delivery);
      messages.push(message);
    }
    return messages;
  }

  private async finish(delivery: Delivery, settlement: FinalSettlement): Promise<void> {
    const { queue } = delivery;
    if (queue.dropped) this.group.core.counters.lateOutcomes++;
    else await this.settleDelivery(delivery, settlement);
    queue.end();
  }

  private laneOf(listener: Listener): Lane {
    return (this.lane ??= new Lane(listener, this.group.core.platform.clock, () => this.wake()));
  }
}
