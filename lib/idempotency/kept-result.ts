import { MAX_RESULT_BYTES } from './options.js';

// What a store keeps of a handler's result:
//
//   | kind, 1 byte | value |
//
//   0  nothing was returned
//   1  bytes, one Buffer
//   2  the values that the handler gave, one after the other, as a JSON array

const NOTHING = 0;
const BYTES = 1;
const VALUES = 2;

/** Undefined for what is too large. Throws for what JSON cannot write. */
export function encodeResult(values: readonly unknown[]): Buffer | undefined {
  const result = encoded(values);
  return result.length > MAX_RESULT_BYTES ? undefined : result;
}

function encoded(values: readonly unknown[]): Buffer {
  const [first] = values;
  if (values.length === 0 || (values.length === 1 && first === undefined)) return Buffer.of(NOTHING);
  if (values.length === 1 && first instanceof Uint8Array) return Buffer.concat([Buffer.of(BYTES), first]);
  return Buffer.concat([Buffer.of(VALUES), Buffer.from(JSON.stringify(values))]);
}

/** Undefined for what another version has written and this one cannot read. */
export function decodeResult(result: Buffer): unknown[] | undefined {
  if (result[0] === NOTHING) return [];
  if (result[0] === BYTES) return [Buffer.from(result.subarray(1))];
  if (result[0] !== VALUES) return undefined;
  try {
    return JSON.parse(result.toString('utf8', 1)) as unknown[];
  } catch {
    return undefined;
  }
}
