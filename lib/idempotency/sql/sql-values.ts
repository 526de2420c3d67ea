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

/** `$1`, `$2`, ... as `?`, for clients that know parameters by their place only. */
export function placeholders(text: string): string {
  return text.replace(/\$\d+/g, '?');
}
