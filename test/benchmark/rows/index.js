// Every row of the table that is ours alone, in the order in which they are measured.
import { sendRows } from './send.js';

export const ROWS = [...sendRows];

/** The rows that a list of names and tags chooses; all without a list. */
export function chooseRows(only, rows = ROWS) {
  if (only === undefined) return rows;
  const known = new Set(rows.flatMap(({ name, tags }) => [name, ...tags]));
  const unknown = only.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(`--only: there is no row ${unknown.join(', ')}. Known: ${[...known].join(', ')}`);
  return rows.filter(({ name, tags }) => only.includes(name) || tags.some((tag) => only.includes(tag)));
}
