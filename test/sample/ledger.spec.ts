import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerEntry } from '../../sample/01-shop/billing/ledger.entry.js';
import { Ledger } from '../../sample/01-shop/billing/ledger.js';

describe("the sample's ledger", () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ledger-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const open = () => Ledger.open(join(folder, 'ledger.log'));

  const message = (messageId: string) => ({ messageId });
  const lines = (invoice: string, count: number, at = '08:00', day = '2010-12-01'): LedgerEntry[] =>
    Array.from({ length: count }, (_, index) => {
      const key = `${day}/${invoice}/${index + 1}`;
      return { kind: 'line', key, day, invoice, customer: '17850', at: `${day}T${at}`, amount: 100 };
    });

  it('books a message once, however often it comes, and counts the others', async () => {
    const ledger = await open();
    await ledger.book(message('delivery-1'), lines('1', 3));
    await ledger.book(message('delivery-2'), lines('1', 3));
    await ledger.book(message('delivery-3'), lines('1', 3));
    expect(ledger.summary).toMatchObject({ lines: 3, amount: 300 });
    expect(ledger).toMatchObject({ redeliveries: 2, bookedTwice: 0 });
    await ledger.onApplicationShutdown();
    const again = await open();
    expect(again.summary).toMatchObject({ lines: 3, amount: 300 });
    expect(again.redeliveries).toBe(2);
    await again.book(message('delivery-4'), lines('1', 3));
    expect(again.redeliveries).toBe(3);
    await again.onApplicationShutdown();
  });

  it('books the rest of an invoice of which a crash left a part', async () => {
    const ledger = await open();
    await ledger.book(message('delivery-1'), lines('1', 2));
    await ledger.book(message('delivery-2'), lines('1', 5));
    expect(ledger.summary).toMatchObject({ lines: 5, amount: 500 });
    expect(ledger.redeliveries).toBe(0);
    await ledger.onApplicationShutdown();
  });

  it('tells a listener that books twice from a message that comes twice', async () => {
    const ledger = await open();
    const delivered = message('a');
    await ledger.book(delivered, lines('1', 1));
    await ledger.book(delivered, lines('1', 1));
    await ledger.book(message('a'), lines('1', 1));
    expect(ledger).toMatchObject({ bookedTwice: 1, redeliveries: 2 });
    await ledger.onApplicationShutdown();
  });

  it('sees invoices of one customer that come out of order, and keeps live orders out of the totals', async () => {
    const ledger = await open();
    await ledger.book(message('1'), lines('1', 1, '09:00'));
    await ledger.book(message('2'), lines('2', 1, '08:00'));
    await ledger.book(message('3'), lines('3', 1, '09:00'));
    await ledger.book(message('4'), lines('L4', 2, '09:00', 'live'));
    expect(ledger.summary).toMatchObject({ outOfOrder: 1, lines: 3, liveLines: 2 });
    await ledger.onApplicationShutdown();
  });
});
