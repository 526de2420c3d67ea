import { AsyncLocalStorage } from 'node:async_hooks';
import { LogBook } from './log-book.js';
import type { LogLine } from './target.js';

const lines = new AsyncLocalStorage<LogLine[]>();

/** Nest has one logger per process: what runs side by side keeps its lines apart by who began it. */
export const contextLog = new LogBook({ push: (line: LogLine) => lines.getStore()?.push(line) ?? 0 });

/** What `run` logs, and whatever it starts, goes into its own lines. */
export function withOwnLog<T>(run: () => Promise<T>): Promise<T> {
  return lines.run([], run);
}

/** Those of the run that asks. */
export function ownLog(): LogLine[] {
  return lines.getStore() ?? [];
}
