import { compareDoubles, compareWholes, javaBoolean, javaDouble, javaInt, javaLong } from './java-values.js';

export type ValueType = 'int' | 'long' | 'double' | 'string' | 'boolean';
/** Null: the message has no such value; undefined: evaluating it failed. */
export type Value = string | number | bigint | boolean | null | undefined;
/** Below, at or above 0; undefined when the two cannot be compared. */
export type Comparator = (a: NonNullable<Value>, b: NonNullable<Value>) => number | undefined;

type Whole = number | bigint;

const UNEQUAL: Comparator = () => -1;
const FAILS: Comparator = () => undefined;

/**
 * How RocketMQ compares two types. A string is converted to the type of the other side:
 *
 *     left \ right | int       long      double    string                      boolean
 *     int, long    | whole     whole     double    string -> type of the left  unequal
 *     double       | double    double    double    string -> double            unequal
 *     string       | -> int    -> long   -> double = as text, else as doubles  -> boolean
 *     boolean      | unequal   unequal   unequal   fails                       boolean
 *
 * What cannot be converted fails: "3.5" is no int, so `a > 3` fails for it and `a > 3.0` does not. That a boolean on the
 * left fails beside a property (`TRUE = a`) is RocketMQ's as well.
 */
export function comparatorOf(left: ValueType, right: ValueType, equality: boolean): Comparator {
  if (left === 'boolean') {
    if (right === 'boolean') return (a, b) => Number(a) - Number(b);
    return right === 'string' ? FAILS : UNEQUAL;
  }
  if (right === 'boolean') {
    return left === 'string' ? (a, b) => Number(javaBoolean(a as string)) - Number(b) : UNEQUAL;
  }
  if (left === 'string' && right === 'string') return equality ? sameText : textsAsDoubles;
  if (left === 'string') return converted(right, false);
  if (right === 'string') return converted(left, true);
  if (left === 'double' || right === 'double') return (a, b) => compareDoubles(Number(a), Number(b));
  return (a, b) => compareWholes(a as Whole, b as Whole);
}

function sameText(a: unknown, b: unknown): number {
  return a === b ? 0 : 1;
}

function textsAsDoubles(a: unknown, b: unknown): number | undefined {
  const x = javaDouble(a as string);
  const y = javaDouble(b as string);
  return x === undefined || y === undefined ? undefined : compareDoubles(x, y);
}

/** The side that is text is read as the type of the other. */
function converted(type: 'int' | 'long' | 'double' | 'string', textIsRight: boolean): Comparator {
  const sign = textIsRight ? -1 : 1;
  if (type === 'double') {
    return (a, b) => {
      const text = javaDouble((textIsRight ? b : a) as string);
      return text === undefined ? undefined : sign * compareDoubles(text, (textIsRight ? a : b) as number);
    };
  }
  const read: (text: string) => Whole | undefined = type === 'int' ? javaInt : javaLong;
  return (a, b) => {
    const text = read((textIsRight ? b : a) as string);
    return text === undefined ? undefined : sign * compareWholes(text, (textIsRight ? a : b) as Whole);
  };
}
