import { Injectable } from '@nestjs/common';
import { MessagingTemplate } from 'nestmq';
import { invoiceKey, isCancellation, isGuestOrder, type OrderDto } from './order.dto.js';

@Injectable()
export class OrdersService {
  constructor(private readonly messaging: MessagingTemplate) {}

  /** Resolves when the broker has the order on its disk. Orders of one customer are handled in the order they came. */
  async place(order: OrderDto): Promise<string> {
    const tag = isCancellation(order) ? 'cancelled' : isGuestOrder(order) ? 'guest' : 'created';
    const key = order.customer ?? order.invoice;
    const { messageId } = await this.messaging.sendOrderly(`orders:${tag}`, order, key, { keys: [invoiceKey(order)] });
    return messageId;
  }
}
