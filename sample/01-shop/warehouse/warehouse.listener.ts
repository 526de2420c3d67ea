import { Injectable } from '@nestjs/common';
import { MessageListener, type MessageContext } from 'nestmq';
import { Ledger } from '../billing/ledger.js';
import { invoiceKey, OrderDto } from '../orders/order.dto.js';

/** The carrier's line is bad: for every invoice that ends in 00 the first two calls fail. */
const CARRIER_FAILS = /00$/;

/** A second group on the same topic: it gets every order as well, several at a time, in no particular order. */
@Injectable()
export class WarehouseListener {
  constructor(private readonly ledger: Ledger) {}

  @MessageListener({ topic: 'orders', tag: 'created || guest', group: 'warehouse', concurrency: 8, backoff: [50, 100] })
  async onOrder(order: OrderDto, context: MessageContext): Promise<void> {
    if (CARRIER_FAILS.test(order.invoice) && context.attempt <= 2) throw new Error('the carrier does not answer');
    const { day, invoice } = order;
    await this.ledger.book(context.message, [{ kind: 'parcel', key: `${invoiceKey(order)}/parcel`, day, invoice }]);
  }
}
