import { Injectable } from '@nestjs/common';
import { ConsumeMode, MessageListener, MessagingTemplate, type MessageContext } from 'nestmq';
import { parseMoney } from '../money.js';
import { invoiceKey, OrderDto } from '../orders/order.dto.js';
import { PAYMENT_TERM } from '../payments/payments.listener.js';
import { GUEST } from './ledger-summary.js';
import type { LedgerEntry } from './ledger.entry.js';
import { Ledger } from './ledger.js';

/**
 * One group, three listeners, orderly: what a customer ordered is booked in the order in which it was ordered, while
 * other customers' orders go on beside it.
 */
@Injectable()
export class BillingListener {
  constructor(
    private readonly ledger: Ledger,
    private readonly messaging: MessagingTemplate,
  ) {}

  @MessageListener('orders', 'created', 'billing', ConsumeMode.ORDERLY)
  async onOrder(order: OrderDto, context: MessageContext): Promise<void> {
    await this.bookLines(order, context);
  }

  @MessageListener('orders', 'cancelled', 'billing', ConsumeMode.ORDERLY)
  async onCancellation(order: OrderDto, context: MessageContext): Promise<void> {
    await this.bookLines(order, context);
  }

  /** A guest has no account: payment is due soon, and a delayed message reminds the shop of it. */
  @MessageListener('orders', 'guest', 'billing', ConsumeMode.ORDERLY)
  async onGuestOrder(order: OrderDto, context: MessageContext): Promise<void> {
    await this.bookLines(order, context);
    const { day, invoice } = order;
    await this.messaging.delay('payments:due', { day, invoice }, PAYMENT_TERM, { keys: [invoiceKey(order)] });
  }

  private bookLines(order: OrderDto, context: MessageContext): Promise<void> {
    const { day, invoice, customer = GUEST, at } = order;
    const entries: LedgerEntry[] = order.lines.map(({ quantity, price }, index) => ({
      kind: 'line' as const,
      key: `${invoiceKey(order)}/${index + 1}`,
      day,
      invoice,
      customer,
      at,
      amount: quantity * parseMoney(price),
    }));
    if (order.quoted !== undefined) {
      entries.push({
        kind: 'quote',
        key: `${invoiceKey(order)}/quote`,
        day,
        invoice,
        amount: parseMoney(order.quoted),
      });
    }
    return this.ledger.book(context.message, entries);
  }
}
