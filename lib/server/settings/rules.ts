import { MessagingError } from '../../protocol/index.js';

/** What a value must be, and how to say so. What may be a secret is not shown when it is wrong. */
export type Rule = readonly [test: (value: unknown) => boolean, wanted: string, isHidden?: boolean];

export type Rules<T> = Readonly<Record<keyof T, Rule>>;

export const flag: Rule = [(value) => typeof value === 'boolean', 'true or false'];
export const object: Rule = [
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object',
];
export const duration: Rule = [(value) => whole(value, 1, Number.MAX_SAFE_INTEGER), 'a number of milliseconds above 0'];

/** The rule of a setting that may hold a secret. */
export function hidden(test: (value: unknown) => boolean, wanted: string): Rule {
  return [test, wanted, true];
}

/** Every key must have a rule, and its value must keep it; a value of undefined means the default. */
export function check(where: string, settings: object, rules: Readonly<Record<string, Rule>>): void {
  if (!object[0](settings)) throw wrong(`${where} must be an object, not ${shown(settings)}.`);
  for (const [key, value] of Object.entries(settings)) {
    if (!Object.hasOwn(rules, key)) {
      throw wrong(`${where} has no setting ${JSON.stringify(key)}; there are ${Object.keys(rules).join(', ')}.`);
    }
    const [test, wanted, isHidden = false] = rules[key]!;
    if (value === undefined || test(value)) continue;
    throw wrong(`${where}.${key} must be ${wanted}${isHidden ? '' : `, not ${shown(value)}`}.`);
  }
}

export function wrong(message: string): MessagingError {
  return new MessagingError('CONFIGURATION', message);
}

export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

export function whole(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

// A setting given as undefined means: the default.
export function defined<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}

/** The same with some of its values where neither JSON nor an inspection of it shows them, because they hold secrets. */
export function concealing<T extends object>(settings: T, names: readonly (keyof T)[]): T {
  for (const name of names) Object.defineProperty(settings, name, { enumerable: false });
  return settings;
}
