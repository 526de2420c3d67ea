import { Injectable } from '@nestjs/common';
import { MessagingTemplate } from 'nestmq';
import { QuotesService } from '../quotes/quotes.service.js';
import { InTurn } from './in-turn.js';
import { invoiceKey, isCancellation, isGuestOrder, type OrderDto } from './order.dto.js';
import type { CreditLimit } from './place-order.transaction.js';

/** The order is not in the book, and nobody gets its message. */
export class OrderRefusedError extends Error {}

@Injectable()
export class OrdersService {
  private readonly customers = new InTurn();

  constructor(
    private readonly messaging: MessagingTemplate,
    private readonly quotes: QuotesService,
  ) {}

  /**
   * Resolves when the order is in the book and its message with the broker, or will be: what a crash leaves undecided is
   * decided by the book. Messages of one customer come in the order of their commits, so each order waits for the one before.
   */
  place(order: OrderDto, limit?: CreditLimit): Promise<string> {
    const key = order.customer ?? order.invoice;
    return this.customers.run(key, () => this.placeNow(order, key, limit));
  }

  private async placeNow(order: OrderDto, key: string, limit: CreditLimit): Promise<string> {
    const tag = isCancellation(order) ? 'cancelled' : isGuestOrder(order) ? 'guest' : 'created';
    // A guest wants to know beforehand.
    const asked = tag === 'guest' ? { ...order, quoted: await this.quotes.quote(order.lines) } : order;
    const { messageId, transactionState } = await this.messaging.transaction(`orders:${tag}`, asked, 'place-order', {
      arg: limit,
      key,
      keys: [invoiceKey(order)],
    });
    if (transactionState === 'ROLLBACK') throw new OrderRefusedError(`The credit of customer ${key} is used up`);
    return messageId;
  }
}
