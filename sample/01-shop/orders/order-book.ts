import type { OnApplicationShutdown } from '@nestjs/common';
import { parseMoney } from '../money.js';
import { Journal } from '../storage/journal.js';
import { invoiceKey, LIVE_DAY, type OrderDto } from './order.dto.js';

/** One order that the shop has taken. */
interface OrderRow {
  invoice: string;
  /** Of the message that goes with the order. */
  transaction: string;
  customer?: string;
  amount: number;
}

/**
 * The orders that the shop has taken, durably: a table of its database in real life. Each row names the transaction that
 * wrote it, which is how the shop later knows what became of a transaction.
 */
export class OrderBook implements OnApplicationShutdown {
  /** Orders of the replayed days; those that came by HTTP are counted apart. */
  taken = 0;
  private readonly rows = new Map<string, OrderRow>();
  /** What customers have ordered by HTTP and not paid. */
  private readonly debts = new Map<string, number>();
  private journal!: Journal<OrderRow>;

  static async open(path: string): Promise<OrderBook> {
    const book = new OrderBook();
    book.journal = await Journal.open<OrderRow>(path, (row) => book.apply(row));
    return book;
  }

  /** What the order comes to, as the shop counts money. */
  amountOf({ lines }: OrderDto): number {
    return lines.reduce((sum, { quantity, price }) => sum + quantity * parseMoney(price), 0);
  }

  debtOf(customer: string): number {
    return this.debts.get(customer) ?? 0;
  }

  transactionOf(order: OrderDto): string | undefined {
    return this.rows.get(invoiceKey(order))?.transaction;
  }

  /** Resolves when the row is on the disk. The same order written again belongs to the newer transaction. */
  async write(order: OrderDto, transaction: string): Promise<void> {
    const row = { invoice: invoiceKey(order), transaction, customer: order.customer, amount: this.amountOf(order) };
    await this.journal.append(row);
    this.apply(row);
  }

  /** Runs after the last transaction has ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.journal.close();
  }

  private apply(row: OrderRow): void {
    const { invoice, customer, amount } = row;
    const isNew = !this.rows.has(invoice);
    this.rows.set(invoice, row);
    if (!isNew) return;
    if (!invoice.startsWith(`${LIVE_DAY}/`)) this.taken++;
    else if (customer !== undefined) this.debts.set(customer, this.debtOf(customer) + amount);
  }
}
