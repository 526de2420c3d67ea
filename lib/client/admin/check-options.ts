import { MessagingError } from '../../protocol/index.js';

/** What an option may be, for people, and the test of it. */
export interface Rule {
  readonly what: string;
  readonly accepts: (value: unknown) => boolean;
}

export const option = {
  text: { what: 'a text that is not empty', accepts: (value: unknown) => typeof value === 'string' && value !== '' },
  texts: {
    what: 'a list of texts',
    accepts: (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== ''),
  },
  date: { what: 'a date', accepts: (value: unknown) => value instanceof Date && !Number.isNaN(value.getTime()) },
  flag: { what: 'true or false', accepts: (value: unknown) => typeof value === 'boolean' },
  callback: { what: 'a function', accepts: (value: unknown) => typeof value === 'function' },
  signal: { what: 'an AbortSignal', accepts: (value: unknown) => value instanceof AbortSignal },
  rate: {
    what: 'a number above 0',
    accepts: (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value > 0,
  },
  millis: {
    what: 'milliseconds, at least 0',
    accepts: (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
  },
  whole: (from: number, to: number): Rule => ({
    what: `a whole number from ${from} to ${to}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to,
  }),
  oneOf: (...values: string[]): Rule => ({
    what: `one of ${values.join(', ')}`,
    accepts: (value) => typeof value === 'string' && values.includes(value),
  }),
} as const;

/** Throws BAD_ARGUMENT for options that nobody would read, and for values that make no sense. */
export function checkOptions<T extends object>(
  what: string,
  options: T,
  rules: { readonly [K in keyof T]-?: Rule },
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new MessagingError('BAD_ARGUMENT', `${what}: the options must be an object`);
  }
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof T] : undefined;
    if (rule === undefined) {
      const known = Object.keys(rules).join(', ');
      throw new MessagingError('BAD_ARGUMENT', `${what}: unknown option ${JSON.stringify(name)}; known: ${known}`);
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw new MessagingError('BAD_ARGUMENT', `${what}: ${name} must be ${rule.what}`);
    }
  }
}
