import { parseMoney } from '../money.js';
import type { OrderDto } from '../orders/order.dto.js';
import { parseCsv } from './csv.js';

const COLUMNS = ['InvoiceNo', 'StockCode', 'Description', 'Quantity', 'InvoiceDate', 'UnitPrice', 'CustomerID'];
const DAY_MILLIS = 24 * 60 * 60 * 1000;

/** The invoices of one day of the shop, in the order of their first lines. Errors name the line of the file. */
export function readShopDay(text: string): OrderDto[] {
  const [header, ...rows] = parseCsv(text);
  const missing = COLUMNS.filter((name) => !header?.fields.includes(name));
  if (header === undefined || missing.length > 0) throw new Error(`the CSV has no column ${missing.join(', ')}`);
  const position = COLUMNS.map((name) => header.fields.indexOf(name));
  const orders = new Map<string, OrderDto>();
  for (const { line, fields } of rows) {
    const [invoice, stockCode, description, quantity, time, price, customer] = position.map((at) => fields[at] ?? '');
    if (!/^[\w-]{1,40}$/.test(invoice)) throw new Error(`line ${line}: "${invoice}" is no invoice number`);
    if (!/^-?\d{1,9}$/.test(quantity)) throw new Error(`line ${line}: "${quantity}" is no quantity`);
    if (!/^\d{4}-\d\d-\d\d /.test(time)) throw new Error(`line ${line}: "${time}" is no date and time`);
    try {
      parseMoney(price);
    } catch (cause) {
      throw new Error(`line ${line}: "${price}" is no price`, { cause });
    }
    const known = orders.get(invoice);
    const order = known ?? {
      day: time.slice(0, 10),
      invoice,
      customer: customer === '' ? undefined : customer.replace(/\.0$/, ''),
      at: time.replace(' ', 'T'),
      lines: [],
    };
    if (known === undefined) orders.set(invoice, order);
    order.lines.push({ stockCode, description, quantity: Number(quantity), price });
  }
  if (orders.size === 0) throw new Error('the CSV has no invoices');
  return [...orders.values()];
}

/** The same order a number of days later. */
export function shiftOrder(order: OrderDto, days: number): OrderDto {
  if (days === 0) return order;
  const day = new Date(Date.parse(order.day) + days * DAY_MILLIS).toISOString().slice(0, 10);
  return { ...order, day, at: day + order.at.slice(10) };
}
