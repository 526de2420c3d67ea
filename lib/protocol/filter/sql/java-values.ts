// How Java reads texts and orders values, because RocketMQ's filter does it so. `undefined`: no such value, and then
// the whole expression fails. Digits are ASCII; Java takes those of all scripts, and hexadecimal doubles.

const LARGEST_INT = 2 ** 31 - 1;
const LARGEST_LONG = 2n ** 63n - 1n;
/** Digits that a double holds exactly, whatever they are. */
const SAFE_DIGITS = 15;
const DOUBLE = /^[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?)$/;

/** `Integer.valueOf` */
export function javaInt(text: string): number | undefined {
  const value = smallWhole(text);
  if (value === undefined || value > LARGEST_INT || value < -LARGEST_INT - 1) return undefined;
  return value;
}

/** `Long.valueOf`; a bigint when a number could not hold it. */
export function javaLong(text: string): number | bigint | undefined {
  const small = smallWhole(text);
  if (small !== undefined) return small;
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return value > LARGEST_LONG || value < -LARGEST_LONG - 1n ? undefined : value;
}

/** `Double.valueOf` */
export function javaDouble(text: string): number | undefined {
  let from = 0;
  let to = text.length;
  // Java trims everything up to the blank here, JavaScript other characters as well.
  while (from < to && text.charCodeAt(from) <= 0x20) from++;
  while (to > from && text.charCodeAt(to - 1) <= 0x20) to--;
  const trimmed = text.slice(from, to);
  if (!DOUBLE.test(trimmed)) return undefined;
  return Number(/[fFdD]$/.test(trimmed) ? trimmed.slice(0, -1) : trimmed);
}

/** `Boolean.valueOf` */
export function javaBoolean(text: string): boolean {
  return text.length === 4 && text.toLowerCase() === 'true';
}

/** `Double.compareTo`: NaN is above all and equal to itself, -0 below 0. */
export function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b && a !== 0) return 0;
  const rankA = Number.isNaN(a) ? 2 : Object.is(a, -0) ? 0 : 1;
  const rankB = Number.isNaN(b) ? 2 : Object.is(b, -0) ? 0 : 1;
  return rankA - rankB;
}

/** Whole numbers of either kind: JavaScript compares the two exactly. */
export function compareWholes(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Undefined for more digits than a double surely holds, and for what is no whole number. */
function smallWhole(text: string): number | undefined {
  let at = 0;
  const first = text.charCodeAt(0);
  if (first === 0x2b || first === 0x2d) at = 1;
  let digits = text.length - at;
  if (digits === 0) return undefined;
  // Leading zeros may be many.
  while (digits > SAFE_DIGITS && text.charCodeAt(at) === 0x30) {
    at++;
    digits--;
  }
  if (digits > SAFE_DIGITS) return undefined;
  let value = 0;
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return first === 0x2d && value !== 0 ? -value : value;
}
