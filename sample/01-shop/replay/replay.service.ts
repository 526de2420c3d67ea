import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { MessagingTemplate } from 'nestmq';
import { Ledger } from '../billing/ledger.js';
import { TillText } from '../dead-letters/till.converter.js';
import { isCancellation, isGuestOrder, type OrderDto } from '../orders/order.dto.js';
import { OrdersService } from '../orders/orders.service.js';
import { ShopSettings } from '../settings.js';
import { ReplayProgress } from './replay-progress.js';
import { readShopDay, shiftOrder } from './shop-day.js';

/** At most this many orders are on their way to the broker at once. */
const WINDOW = 64;
/** When nothing has been booked for this long, what is missing will not come. */
const STALLED_MILLIS = 8_000;
/** Groups that an undecodable order goes to: each has its own dead letters. */
const POISONED_GROUPS = 2;

/** Sends a day's orders as fast as the broker takes them, from where the last run was stopped, and waits for the books. */
@Injectable()
export class ReplayService {
  readonly days: number;
  readonly orders: number;
  private readonly day: OrderDto[];

  constructor(
    settings: ShopSettings,
    private readonly shop: OrdersService,
    private readonly messaging: MessagingTemplate,
    private readonly ledger: Ledger,
    private readonly progress: ReplayProgress,
  ) {
    this.day = readShopDay(settings.csvText);
    this.days = Math.max(settings.times, progress.finished?.days ?? 0);
    this.orders = this.day.length * this.days;
  }

  get finished(): boolean {
    return this.progress.finished !== undefined && this.progress.finished.days >= this.days;
  }

  get sent(): number {
    return this.progress.sent;
  }

  /** Resolves when all is sent and booked, or when the books stand still although something is missing. */
  async run(): Promise<void> {
    if (this.finished) return;
    const started = performance.now();
    const handledBefore = this.handled();
    await this.send();
    // The clock stops with the last booking: what comes after it is waiting on purpose, for retries and reminders.
    await this.until(() => this.linesAreBooked());
    const seconds = (performance.now() - started) / 1000;
    const messages = this.handled() - handledBefore;
    await this.until(() => this.isComplete());
    if (this.isComplete()) await this.progress.save({ days: this.days, messages, seconds });
  }

  private async send(): Promise<void> {
    for (let next = this.progress.sent; next < this.orders;) {
      const window = this.windowAt(next);
      if (next % this.day.length === 0) await this.sendPoison(window[0]);
      this.broadcastPrice(next);
      await Promise.all(window.map((order) => this.shop.place(order)));
      next += window.length;
      await this.progress.save({ sent: next });
    }
  }

  /** The next orders of one day. Those of one customer stay in this order, although nobody here awaits the one before. */
  private windowAt(start: number): OrderDto[] {
    const first = start % this.day.length;
    const shift = Math.floor(start / this.day.length);
    return this.day.slice(first, first + WINDOW).map((order) => shiftOrder(order, shift));
  }

  /** Every day a till writes half an order. Nobody can read it; it must harm no other. */
  private async sendPoison({ day }: OrderDto): Promise<void> {
    const text = new TillText(`{"day":"${day}","invoice":"536`);
    await this.messaging.syncSend('orders:created', text, { keys: [`${day}/half-an-order`] });
  }

  /** The first article of the window goes up on every price board. */
  private broadcastPrice(next: number): void {
    const { stockCode, price } = this.day[next % this.day.length].lines[0];
    this.messaging.sendOneWay('prices', { stockCode, price });
  }

  private linesAreBooked(): boolean {
    const lines = this.day.reduce((sum, order) => sum + order.lines.length, 0);
    return this.ledger.summary.lines >= lines * this.days;
  }

  /** Whether every message has had its effect. What the effects must come to is not decided here: see check.js. */
  private isComplete(): boolean {
    const { parcels, paymentsDue, deadLetters } = this.ledger.summary;
    const toShip = this.day.filter((order) => !isCancellation(order)).length;
    const guests = this.day.filter(isGuestOrder).length;
    return (
      this.linesAreBooked() &&
      parcels >= toShip * this.days &&
      paymentsDue >= guests * this.days &&
      deadLetters.length >= POISONED_GROUPS * this.days
    );
  }

  /** Deliveries of orders that were booked: one to billing, and for all but cancellations one to the warehouse. */
  private handled(): number {
    return this.ledger.summary.invoices.size + this.ledger.summary.parcels;
  }

  private async until(condition: () => boolean): Promise<void> {
    let seen = -1;
    let since = performance.now();
    while (!condition()) {
      const { lines, parcels, paymentsDue, deadLetters } = this.ledger.summary;
      const now = lines + parcels + paymentsDue + deadLetters.length;
      if (now !== seen) since = performance.now();
      else if (performance.now() - since > STALLED_MILLIS) return;
      seen = now;
      await sleep(5);
    }
  }
}
