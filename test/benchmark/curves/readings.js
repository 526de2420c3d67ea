import { summarize } from '../statistics.js';

// Small numbers out of many.

/** Of rows of readings taken one after the other, each column as median and range. */
export function columns(rows) {
  return Object.fromEntries(Object.keys(rows[0]).map((name) => [name, summarize(rows.map((row) => row[name]))]));
}

export function short(number) {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  if (size >= 1e6 && number % 1e5 === 0) return `${number / 1e6} M`;
  if (size >= 1e4) return number.toFixed(0);
  if (Number.isInteger(number)) return String(number);
  return number.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}
