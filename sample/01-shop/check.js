// `node check.js <csv> <report.json> [days]`: works out from the CSV alone what the shop must have booked and compares
// it with the shop's report. Nothing here is shared with the sample; sums are exact (whole units of 10^-8).
import { readFileSync } from 'node:fs';

const [csvPath, reportPath, days = '1'] = process.argv.slice(2);
if (!reportPath) {
  console.error('usage: node check.js <csv> <report.json> [days]');
  process.exit(2);
}

/** One character at a time, unlike the sample's reader. */
function rowsOf(text) {
  const rows = [[]];
  let cell = '';
  let quoted = false;
  let last = '';
  const endCell = () => {
    rows.at(-1).push(cell);
    cell = '';
  };
  for (const char of text) {
    if (char === '"') {
      if (!quoted && last === '"') cell += '"';
      quoted = !quoted;
      last = quoted ? '' : '"';
      continue;
    }
    last = '';
    if (quoted) cell += char;
    else if (char === ',') endCell();
    else if (char === '\n') {
      endCell();
      rows.push([]);
    } else if (char !== '\r') cell += char;
  }
  endCell();
  return rows.filter((row) => row.length > 1);
}

const PLACES = 8;
function units(decimal) {
  const [whole, fraction = ''] = decimal.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(PLACES, '0'));
  return decimal.startsWith('-') ? -value : value;
}

const [header, ...rows] = rowsOf(readFileSync(csvPath, 'utf8'));
const column = Object.fromEntries(header.map((name, index) => [name, index]));
const expected = new Map();
let revenue = 0n;
for (let shift = 0; shift < Number(days); shift++) {
  for (const row of rows) {
    const date = new Date(`${row[column.InvoiceDate].slice(0, 10)}T00:00:00Z`);
    date.setUTCDate(date.getUTCDate() + shift);
    const invoice = row[column.InvoiceNo];
    // The day of an invoice is that of its first line.
    const name = `${shift}:${invoice}`;
    const entry = expected.get(name) ?? {
      day: date.toISOString().slice(0, 10),
      invoice,
      lines: 0,
      amount: 0n,
      guest: row[column.CustomerID] === '',
    };
    const amount = BigInt(row[column.Quantity]) * units(row[column.UnitPrice]);
    entry.lines++;
    entry.amount += amount;
    revenue += amount;
    expected.set(name, entry);
  }
}
const orders = [...expected.values()];
const cancelled = orders.filter(({ invoice }) => invoice.startsWith('C'));
const guests = orders.filter(({ invoice, guest }) => guest && !invoice.startsWith('C'));

const report = JSON.parse(readFileSync(reportPath, 'utf8'));
const differences = [];
const compare = (what, actual, wanted) => {
  if (actual !== wanted) differences.push(`${what}: the report says ${actual}, the CSV ${wanted}`);
};
compare('days', report.days, Number(days));
compare('complete', report.complete, true);
compare('orders taken', report.taken, orders.length);
compare('invoices', report.invoices, orders.length);
compare('cancellations', report.cancellations, cancelled.length);
compare('guest orders', report.guestOrders, guests.length);
compare('payment time-outs', report.paymentsDue, guests.length);
compare('quotes', report.quotes, guests.length);
compare(
  'quoted',
  units(report.quoted),
  guests.reduce((sum, { amount }) => sum + amount, 0n),
);
compare('parcels', report.parcels, orders.length - cancelled.length);
compare('lines', report.lines, rows.length * Number(days));
compare('revenue', units(report.revenue), revenue);
compare('booked twice', report.bookedTwice, 0);
compare('out of order', report.outOfOrder, 0);
compare(
  'dead letters',
  report.deadLetters.reduce((sum, { count }) => sum + count, 0),
  2 * Number(days),
);
for (const { group, reason } of report.deadLetters) {
  if (!/UNDECODABLE|not JSON/.test(reason)) differences.push(`dead letter of ${group} for another reason: ${reason}`);
}

const booked = new Map();
for (const entry of report.booked) {
  const name = `${entry.day}/${entry.invoice}`;
  if (booked.has(name)) differences.push(`${name} was applied more than once`);
  booked.set(name, entry);
}
for (const { day, invoice, lines, amount } of orders) {
  const entry = booked.get(`${day}/${invoice}`);
  if (entry === undefined) differences.push(`${day}/${invoice} was not applied`);
  else {
    compare(`${day}/${invoice} lines`, entry.lines, lines);
    compare(`${day}/${invoice} amount`, units(entry.amount), amount);
    booked.delete(`${day}/${invoice}`);
  }
}
for (const name of booked.keys()) differences.push(`${name} is not in the CSV`);

for (const difference of differences.slice(0, 10)) console.log(`  ${difference}`);
if (differences.length > 10) console.log(`  and ${differences.length - 10} more`);
console.log(
  differences.length === 0 ? 'Check: the report matches the CSV' : 'Check: the report does NOT match the CSV',
);
process.exitCode = differences.length === 0 ? 0 : 1;
