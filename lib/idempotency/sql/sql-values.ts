import { MessagingError } from '../../protocol/index.js';

/** A whole number of a row: clients give BIGINT as a number, as a bigint or as digits. */
export function readNumber(value: unknown): number {
  const number = typeof value === 'number' ? value : Number(value);
  if ((typeof value === 'string' && value.trim() === '') || value === null || !Number.isSafeInteger(number))
    throw new MessagingError('DATABASE_ERROR', `A column of nestmq's tables holds ${String(value)}, no whole number`);
  return number;
}

/** Bytes of a row, or undefined for NULL: clients give a Buffer or some other Uint8Array. */
export function readBytes(value: unknown): Buffer | undefined {
  if (value === null || value === undefined) return undefined;
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new MessagingError('DATABASE_ERROR', `A column of nestmq's tables holds a ${typeof value}, no bytes`);
}

/** A text of a row, also where the column is binary, or undefined for NULL. */
export function readText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : readBytes(value)?.toString('utf8');
}

/**
 * `$1`, `$2`, ... as `?`, for clients that know parameters by their place only. One that stood twice or out of order would
 * silently get another one's value: that is refused.
 */
export function placeholders(text: string): string {
  let last = 0;
  return text.replace(/\$(\d+)/g, (parameter, number: string) => {
    if (Number(number) !== ++last)
      throw new MessagingError('BAD_ARGUMENT', `${parameter} stands where $${last} is due, in: ${text}`);
    return '?';
  });
}

/** Whether the client has rows to give for it, where it must be asked for them or for a count. */
export function answersRows(text: string): boolean {
  return ONLY_READS.test(text) || RETURNS.test(text);
}

/** Whether its rows are what it found, and not what it changed: then nothing is affected, however many there are. */
export function onlyReads(text: string): boolean {
  return ONLY_READS.test(text) && !RETURNS.test(text);
}

const ONLY_READS = /^\s*(?:SELECT|VALUES|SHOW|PRAGMA|EXPLAIN)\b/i;
const RETURNS = /\bRETURNING\b/i;
