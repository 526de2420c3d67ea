import type { Throughput } from '../replay/replay-progress.js';

/** What the shop says about its replayed days; sums of money are decimals in text. */
export interface Report {
  csv: string;
  days: number;
  complete: boolean;
  /** Orders in the order book. */
  taken: number;
  invoices: number;
  cancellations: number;
  guestOrders: number;
  lines: number;
  revenue: string;
  parcels: number;
  paymentsDue: number;
  quotes: number;
  quoted: string;
  redeliveries: number;
  bookedTwice: number;
  outOfOrder: number;
  deadLetters: { group: string; reason: string; attempts: number; count: number }[];
  throughput: Throughput | undefined;
  liveLines: number;
}

/** The lines that `npm start` prints. */
export function describeReport(report: Report): string {
  const { throughput } = report;
  const speed = throughput && throughput.messages > 0 ? Math.round(throughput.messages / throughput.seconds) : 0;
  const row = (name: string, value: string | number, remark = '') =>
    `  ${name.padEnd(16)}${String(value).padStart(10)}${remark === '' ? '' : `   ${remark}`}`;
  return [
    `Report: ${report.days === 1 ? 'one day' : `${report.days} days`} of ${report.csv}${report.complete ? '' : ', NOT COMPLETE'}`,
    row('orders taken', report.taken, 'each with its message, or not at all'),
    row('invoices', report.invoices, 'each applied once'),
    row('cancellations', report.cancellations),
    row('guest orders', report.guestOrders, `${report.paymentsDue} ran into the payment time-out`),
    row('quotes', report.quotes, `asked for by guests, ${report.quoted} in all`),
    row('lines', report.lines),
    row('revenue', report.revenue),
    row('parcels', report.parcels),
    row('redeliveries', report.redeliveries, 'counted; they changed nothing'),
    ...(report.bookedTwice > 0 ? [row('booked twice', report.bookedTwice, 'a listener booked one message twice')] : []),
    ...(report.outOfOrder > 0 ? [row('out of order', report.outOfOrder, 'of their customer')] : []),
    ...(speed > 0
      ? [row('messages/s', speed, `${throughput?.messages} order messages handled, each booked durably`)]
      : []),
    row(
      'dead letters',
      report.deadLetters.reduce((sum, { count }) => sum + count, 0),
    ),
    ...report.deadLetters.map(
      ({ group, reason, attempts, count }) => `    ${count} × ${group}, attempt ${attempts}: ${reason}`,
    ),
  ].join('\n');
}
