import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { formatMoney, parseMoney } from '../../sample/01-shop/money.js';
import { isCancellation, isGuestOrder } from '../../sample/01-shop/orders/order.dto.js';
import { parseCsv } from '../../sample/01-shop/replay/csv.js';
import { readShopDay, shiftOrder } from '../../sample/01-shop/replay/shop-day.js';

const rows = (text: string) => [...parseCsv(text)];

describe('money in the sample', () => {
  it.each([
    ['0', 0, '0.00'],
    ['2.55', 25_500, '2.55'],
    ['27.5', 275_000, '27.50'],
    ['0.001', 10, '0.001'],
    ['-11062.06', -110_620_600, '-11062.06'],
    ['-0.07', -700, '-0.07'],
    ['-0', 0, '0.00'],
  ])('reads %s and writes it back', (text, value, written) => {
    expect(parseMoney(text)).toBe(value);
    expect(formatMoney(value)).toBe(written);
  });

  it.each(['', '1,5', '1e3', '.5', '1.', '0.00001', 'NaN', ' 1', '£1'])('refuses %j', (text) => {
    expect(() => parseMoney(text)).toThrow('is not a sum of money');
  });
});

describe('the CSV of the sample', () => {
  it('is read with quotes, commas, line breaks and either line ending', () => {
    expect(rows('a,b\r\n"x, ""y""","1\n2"\n\n,\nlast,"z"')).toEqual([
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['x, "y"', '1\n2'] },
      { line: 5, fields: ['', ''] },
      { line: 6, fields: ['last', 'z'] },
    ]);
  });

  it('is refused when text follows a closing quote', () => {
    expect(() => rows('a,b\n"x"y,1\n')).toThrow('line 2: text after a closing quote');
  });

  it('holds the day that the README tells of', async () => {
    const day = readShopDay(await readFile('sample/01-shop/data/online-retail-2010-12-01.csv', 'utf8'));
    const lines = day.flatMap((order) => order.lines);
    expect(day).toHaveLength(143);
    expect(day.filter(isCancellation)).toHaveLength(6);
    expect(day.filter(isGuestOrder)).toHaveLength(16);
    expect(lines).toHaveLength(3108);
    const amount = lines.reduce((sum, { quantity, price }) => sum + quantity * parseMoney(price), 0);
    expect(formatMoney(amount)).toBe('58635.56');
    expect(day[0]).toMatchObject({
      day: '2010-12-01',
      invoice: '536365',
      customer: '17850',
      at: '2010-12-01T08:26:00',
    });
  });

  const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n';
  it.each([
    ['', 'the CSV has no column InvoiceNo'],
    [HEADER, 'the CSV has no invoices'],
    [`${HEADER}1,A,x,1.5,2010-12-01 08:00:00,1.0,,UK\n`, 'line 2: "1.5" is no quantity'],
    [`${HEADER}1,A,x,1,2010-12-01 08:00:00,cheap,,UK\n`, 'line 2: "cheap" is no price'],
    [`${HEADER}1,A,x,1,yesterday,1.0,,UK\n`, 'line 2: "yesterday" is no date'],
    [`${HEADER}1 2,A,x,1,2010-12-01 08:00:00,1.0,,UK\n`, 'line 2: "1 2" is no invoice number'],
  ])('is refused with the line at fault: %j', (text, message) => {
    expect(() => readShopDay(text)).toThrow(message);
  });

  it('can be shifted by days, over the end of a month too', () => {
    const order = readShopDay(`${HEADER}1,A,x,1,2010-12-31 08:00:00,1.0,7.0,UK\n`)[0]!;
    expect(shiftOrder(order, 1)).toEqual({ ...order, day: '2011-01-01', at: '2011-01-01T08:00:00' });
    expect(order.customer).toBe('7');
  });
});
