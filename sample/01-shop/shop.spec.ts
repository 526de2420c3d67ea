import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MessagingTestKit, MessagingTestingModule } from 'nestmq/testing';
import { AppModule } from './app.module.js';
import { Ledger } from './billing/ledger.js';
import { TillText } from './dead-letters/till.converter.js';
import { OrderBook } from './orders/order-book.js';
import type { OrderDto } from './orders/order.dto.js';
import { OrderRefusedError, OrdersService } from './orders/orders.service.js';
import { PlaceOrder } from './orders/place-order.transaction.js';
import { ShopSettings } from './settings.js';

/** The whole shop, with its own files, on a broker in memory and in virtual time. */
describe('the shop', () => {
  let folder = '';
  let kit: MessagingTestKit;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shop-spec-'));
  });
  afterEach(async () => {
    await kit.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(): Promise<void> {
    const settings = ShopSettings.parse(['--data', folder], {});
    mkdirSync(settings.folder, { recursive: true });
    kit = await MessagingTestingModule.create({ imports: [AppModule.with(settings)] });
  }
  /** The next local transaction dies: before it has done anything, or when all is done. */
  function nextDies(when: 'before' | 'after'): void {
    const transaction = kit.get(PlaceOrder);
    const execute = transaction.execute.bind(transaction);
    jest.spyOn(transaction, 'execute').mockImplementationOnce(async (message, limit) => {
      if (when === 'after') await execute(message, limit);
      throw new Error('the process died');
    });
  }
  const place = (order: OrderDto, limit?: number): Promise<string> => kit.get(OrdersService).place(order, limit);
  const summary = () => kit.get(Ledger).summary;

  function order(invoice: string, more: Partial<OrderDto> = {}): OrderDto {
    const lines = [{ stockCode: '85123A', description: 'LANTERN', quantity: 6, price: '2.55' }];
    return { day: '2010-12-01', invoice, customer: '17850', at: '2010-12-01T08:26:00', lines, ...more };
  }

  it('books an order and ships it', async () => {
    await open();
    await place(order('536365'));
    await kit.settled();
    expect(kit.sent('orders:created')).toMatchObject([{ transactionState: 'COMMIT', keys: ['2010-12-01/536365'] }]);
    expect(kit.get(OrderBook).taken).toBe(1);
    expect(summary()).toMatchObject({ lines: 1, amount: 15.3 * 10_000, parcels: 1 });
  });

  it('books and ships nothing of an order beyond the credit', async () => {
    await open();
    const live = (invoice: string): OrderDto => order(invoice, { day: 'live' });
    await place(live('L1'), 20 * 10_000);
    await expect(place(live('L2'), 20 * 10_000)).rejects.toThrow(OrderRefusedError);
    await kit.advance('1h');
    expect(kit.consumed('orders', { group: 'billing' }).map(({ message }) => message.keys[0])).toEqual(['live/L1']);
    expect(kit.sent('orders').map(({ transactionState }) => transactionState)).toEqual(['COMMIT', 'ROLLBACK']);
  });

  it('asks the book about an order when it died before it could say what became of it', async () => {
    await open();
    nextDies('after');
    await place(order('536365'));
    await kit.settled();
    expect([kit.get(OrderBook).taken, kit.consumed('orders')]).toEqual([1, []]);
    await kit.advance('1m');
    expect(kit.consumed('orders', { group: 'billing' })).toHaveLength(1);
    expect(summary()).toMatchObject({ lines: 1, parcels: 1 });
  });

  it('forgets an order that never got into the book', async () => {
    await open();
    nextDies('before');
    const check = jest.spyOn(kit.get(PlaceOrder), 'check');
    await place(order('536365'));
    await kit.advance('1h');
    expect(check.mock.results.map(({ value }) => value)).toEqual(['ROLLBACK']);
    expect([kit.get(OrderBook).taken, kit.consumed('orders'), kit.deadLettered()]).toEqual([0, [], []]);
  });

  it('has one message for an order that is placed again after a crash', async () => {
    await open();
    nextDies('after');
    await place(order('536365'));
    await place(order('536365'));
    await kit.advance('1h');
    expect(kit.consumed('orders', { group: 'billing' })).toHaveLength(1);
    expect(kit.get(OrderBook).taken).toBe(1);
  });

  it("keeps one customer's orders in order, although nobody waits for the one before", async () => {
    await open();
    const invoices = Array.from({ length: 20 }, (_, index) => String(536400 + index));
    await Promise.all(invoices.map((invoice) => place(order(invoice))));
    await kit.advance('1m');
    const billed = kit.consumed('orders', { group: 'billing' }).map(({ message }) => message.keys[0]);
    expect(billed).toEqual(invoices.map((invoice) => `2010-12-01/${invoice}`));
    expect(summary().outOfOrder).toBe(0);
  });

  it('books an order once that comes twice', async () => {
    await open();
    await place(order('536365'));
    await kit.settled();
    await kit.redeliver(kit.sent('orders')[0]!);
    await kit.settled();
    expect(kit.consumed('orders', { group: 'billing' })).toHaveLength(2);
    expect(summary()).toMatchObject({ lines: 1, amount: 153_000, parcels: 1 });
    expect(kit.get(Ledger).redeliveries).toBe(2);
  });

  it('calls the carrier again when he does not answer', async () => {
    await open();
    await place(order('536400'));
    await kit.settled();
    expect([kit.retried('orders', { group: 'warehouse' }).length, summary().parcels]).toEqual([1, 0]);
    await kit.advance('1s');
    expect([kit.retried('orders', { group: 'warehouse' }).length, summary().parcels]).toEqual([2, 1]);
  });

  it('quotes a guest his price, and reminds of the payment', async () => {
    await open();
    await place(order('536365', { customer: undefined }));
    await kit.settled();
    expect(summary()).toMatchObject({ quotes: 1, quoted: 153_000, paymentsDue: 0 });
    await kit.advance('1s');
    expect(summary().paymentsDue).toBe(1);
  });

  it('puts half an order away, in each group, and goes on', async () => {
    await open();
    await kit.template().syncSend('orders:created', new TillText('{"invoice":"536'), { keys: ['half-an-order'] });
    await place(order('536365'));
    await kit.settled();
    const letters = kit.deadLettered().map(({ group, errorClass, attempts }) => [group, errorClass, attempts]);
    expect(letters.toSorted()).toEqual([
      ['billing', 'MessagingError', 1],
      ['warehouse', 'MessagingError', 1],
    ]);
    expect(
      summary()
        .deadLetters.map(({ key }) => key)
        .toSorted(),
    ).toEqual(['billing/half-an-order/dead-letter', 'warehouse/half-an-order/dead-letter']);
    expect(summary().lines).toBe(1);
  });
});
