import { durationMillis } from '../../protocol/index.js';

/** A date, with its zone or in the machine's; or a duration, which counts back from now: `2h`. */
export function parseTime(text: string): Date {
  const back = durationMillis(text);
  const date = back === undefined ? new Date(text) : new Date(Date.now() - back);
  // Date reads "5" as a month.
  if (!Number.isNaN(date.getTime()) && (back !== undefined || /^\d{4}-\d\d/.test(text))) return date;
  throw new Error('It must be a time like 2026-01-31T08:00:00Z, or how long ago, like 2h.');
}
