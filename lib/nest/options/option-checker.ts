import { MessagingError } from '../../protocol/index.js';
import { describeValue, durationMillis } from '../payload/index.js';

/** What an option must be, and the words that say so. */
export interface OptionRule {
  readonly what: string;
  accepts(value: unknown): boolean;
}

export type OptionRules = Readonly<Record<string, OptionRule>>;

export const rule = {
  boolean: { what: 'true or false', accepts: (value) => typeof value === 'boolean' },
  text: { what: 'a text that is not empty', accepts: (value) => typeof value === 'string' && value.trim() !== '' },
  duration: {
    what: 'milliseconds (0 or more) or a text like "500ms", "10s", "5m"',
    accepts: (value) => durationMillis(value) !== undefined,
  },
  object: {
    what: 'an object',
    accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  any: { what: 'anything', accepts: () => true },
} satisfies Record<string, OptionRule>;

export function wholeNumber(from: number, to = Number.MAX_SAFE_INTEGER): OptionRule {
  const range = to === Number.MAX_SAFE_INTEGER ? `of ${from} or more` : `from ${from} to ${to}`;
  return {
    what: `a whole number ${range}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to,
  };
}

export function oneOf(...values: readonly unknown[]): OptionRule {
  return { what: values.map((value) => describeValue(value)).join(' or '), accepts: (value) => values.includes(value) };
}

/**
 * Throws CONFIGURATION for the first option that is unknown or has a value that it cannot have. Undefined means: the
 * default.
 * @param which `some`: others are checked elsewhere.
 */
export function checkOptions(where: string, options: unknown, rules: OptionRules, which: 'all' | 'some' = 'all'): void {
  if (!rule.object.accepts(options)) {
    throw new MessagingError('CONFIGURATION', `${where}: the options must be an object, not ${describeValue(options)}`);
  }
  for (const [name, value] of Object.entries(options as object)) {
    const known = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (known === undefined) {
      if (which === 'some') continue;
      const all = Object.keys(rules).join(', ');
      throw new MessagingError('CONFIGURATION', `${where}: unknown option ${JSON.stringify(name)}; known: ${all}`);
    }
    if (value !== undefined && !known.accepts(value)) {
      throw new MessagingError('CONFIGURATION', `${where}: ${name} must be ${known.what}, not ${describeValue(value)}`);
    }
  }
}
