import { Injectable } from '@nestjs/common';
import { MessagingTemplate } from 'nestmq';
import { QuotesService } from '../quotes/quotes.service.js';
import { invoiceKey, isCancellation, isGuestOrder, type OrderDto } from './order.dto.js';

@Injectable()
export class OrdersService {
  constructor(
    private readonly messaging: MessagingTemplate,
    private readonly quotes: QuotesService,
  ) {}

  /** Resolves when the broker has the order on its disk. Orders of one customer are handled in the order they came. */
  async place(order: OrderDto): Promise<string> {
    const tag = isCancellation(order) ? 'cancelled' : isGuestOrder(order) ? 'guest' : 'created';
    const key = order.customer ?? order.invoice;
    // A guest wants to know beforehand. Nothing is awaited for the others: their order is that of these calls.
    const asked = tag === 'guest' ? { ...order, quoted: await this.quotes.quote(order.lines) } : order;
    const { messageId } = await this.messaging.sendOrderly(`orders:${tag}`, asked, key, { keys: [invoiceKey(order)] });
    return messageId;
  }
}
