import { say } from './say.js';

/** Says how often each payment stands in the ledger. */
export function sayLedger(asked: readonly string[], booked: readonly string[]): void {
  const times = new Map(asked.map((payment) => [payment, 0]));
  for (const payment of booked) times.set(payment, (times.get(payment) ?? 0) + 1);
  const once = [...times.values()].filter((count) => count === 1).length;
  const never = [...times].filter(([, count]) => count === 0).map(([payment]) => payment);
  const often = [...times].filter(([, count]) => count > 1).map(([payment, count]) => `${payment} ${count} times`);
  say(`${asked.length} payments: ${once} booked once, ${often.length} more than once, ${never.length} never`);
  if (often.length > 0) say(`more than once: ${often.join(', ')}`);
  if (never.length > 0) say(`never: ${never.join(', ')}`);
}
