import { parseAddress } from '../../remoting/index.js';
import { type Rule, whole } from './rules.js';

/** How often a broker registers: RocketMQ's NameServers forget one after 120 s. */
export const REGISTER_MILLIS = 30_000;

export const nameServers: Rule = [(value) => listed(value) !== undefined, 'host:port, several separated by ";"'];
export const registerMillis: Rule = [
  (value) => whole(value, 100, 60_000),
  'a number of milliseconds from 100 to 60000',
];

/** Each address once, so that nobody is told twice. */
export function nameServerList(text: string | undefined): readonly string[] | undefined {
  return text === undefined ? undefined : listed(text);
}

function listed(value: unknown): string[] | undefined {
  if (typeof value !== 'string') return undefined;
  const parts = value
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  try {
    for (const part of parts) parseAddress(part);
  } catch {
    return undefined;
  }
  return parts.length === 0 ? undefined : [...new Set(parts)];
}
