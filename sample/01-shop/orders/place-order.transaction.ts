import { Injectable } from '@nestjs/common';
import { type LocalTransaction, TransactionListener, type TransactionMessage, TransactionState } from 'nestmq';
import { OrderBook } from './order-book.js';
import type { OrderDto } from './order.dto.js';

/** What a customer may owe the shop, as the shop counts money; undefined for any sum. */
export type CreditLimit = number | undefined;

/**
 * The row in the order book and the message to billing and the warehouse: both, or neither. The message is stored first,
 * where nobody looks; the row decides whether anybody ever will.
 */
@Injectable()
@TransactionListener('place-order')
export class PlaceOrder implements LocalTransaction<OrderDto, CreditLimit> {
  constructor(private readonly book: OrderBook) {}

  async execute(message: TransactionMessage<OrderDto>, limit: CreditLimit): Promise<TransactionState> {
    const { payload: order, transactionId } = message;
    const { customer } = order;
    if (limit !== undefined && customer !== undefined) {
      if (this.book.debtOf(customer) + this.book.amountOf(order) > limit) return TransactionState.ROLLBACK;
    }
    await this.book.write(order, transactionId);
    return TransactionState.COMMIT;
  }

  /** The shop died before it could say what became of the order. The book knows; an order placed anew has a newer message. */
  check({ payload: order, transactionId }: TransactionMessage<OrderDto>): TransactionState {
    return this.book.transactionOf(order) === transactionId ? TransactionState.COMMIT : TransactionState.ROLLBACK;
  }
}
