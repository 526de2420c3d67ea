import { afterAll, describe, expect, it } from '@jest/globals';
import { ShopProcess, brokenShop, removeTemporaryFolders, temporaryFolder } from './shop-process.js';

afterAll(removeTemporaryFolders);

/** Several shops run at the same time, and each waits for what does not come. */
const LIMIT = 180_000;

const LISTENER = 'billing/billing.listener.js';
const BOOK = 'return this.ledger.book(context.message, entries);';

/** Runs a shop with a fault built in. The check must find it. */
async function runBroken(
  file: string,
  changes: [string, string][],
): Promise<{ code: number | string; output: string }> {
  const shop = new ShopProcess(['--once', '--data', await temporaryFolder()], {
    main: await brokenShop(file, changes),
  });
  return { code: await shop.ended, output: shop.output };
}

describe("the sample's check cannot be fooled: it exits 1", () => {
  it.concurrent(
    'when a listener drops a message',
    async () => {
      const { code, output } = await runBroken(LISTENER, [
        [BOOK, `if (order.invoice === '536370') return Promise.resolve();\n${BOOK}`],
      ]);
      expect(output).toContain('2010-12-01/536370 was not applied');
      expect(output).toContain('Check: the report does NOT match the CSV');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when a listener of the other group drops one',
    async () => {
      const { code, output } = await runBroken('warehouse/warehouse.listener.js', [
        ['const { day, invoice } = order;', "const { day, invoice } = order;\nif (invoice === '536370') return;"],
      ]);
      expect(output).toContain('parcels: the report says 136, the CSV 137');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when a listener books one delivery twice',
    async () => {
      const { code, output } = await runBroken(LISTENER, [
        [BOOK, `if (order.invoice === '536370') void this.ledger.book(context.message, entries);\n${BOOK}`],
      ]);
      expect(output).toContain('booked twice: the report says 1, the CSV 0');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when a listener books twice past the keys of the ledger',
    async () => {
      const again = `entries.concat(entries.map((entry) => ({ ...entry, key: entry.key + '/again' })))`;
      const { code, output } = await runBroken(LISTENER, [
        [BOOK, `return this.ledger.book(context.message, order.invoice === '536370' ? ${again} : entries);`],
      ]);
      expect(output).toContain('2010-12-01/536370 lines: the report says');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when a message goes out without its row in the order book',
    async () => {
      const { code, output } = await runBroken('orders/place-order.transaction.js', [
        ['await this.book.write(', "if (order.invoice !== '536370')\nawait this.book.write("],
      ]);
      expect(output).toContain('orders taken: the report says 142, the CSV 143');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when an order is in the book and its message is dropped',
    async () => {
      const { code, output } = await runBroken('orders/place-order.transaction.js', [
        [
          'return TransactionState.COMMIT;',
          "return order.invoice === '536370' ? TransactionState.UNKNOWN : TransactionState.COMMIT;",
        ],
        ['=== transactionId', '=== undefined'],
      ]);
      expect(output).toContain('2010-12-01/536370 was not applied');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when a quote is wrong',
    async () => {
      const { code, output } = await runBroken('quotes/quotes.listener.js', [
        ['quantity * parseMoney(price)', 'Math.abs(quantity) * parseMoney(price) + 1'],
      ]);
      expect(output).toContain('quoted: the report says');
      expect(code).toBe(1);
    },
    LIMIT,
  );

  it.concurrent(
    'when one mistake makes up for another in the totals',
    async () => {
      const wrong = 'quantity * parseMoney(price) + (index === 0 ? ({ 536365: 100, 536366: -100 }[invoice] ?? 0) : 0)';
      const { code, output } = await runBroken(LISTENER, [['quantity * parseMoney(price)', wrong]]);
      expect(output).toContain('2010-12-01/536365 amount: the report says');
      expect(code).toBe(1);
    },
    LIMIT,
  );
});
