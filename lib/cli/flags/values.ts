import { durationMillis } from '../../protocol/index.js';

// What texts of the command line and of the environment mean. Each throws an Error that says what is wanted.

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

export function parsePort(text: string): number {
  const port = parseCount(text);
  if (port <= 65_535) return port;
  throw new Error('A port is a whole number from 0 to 65535.');
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d{1,15}$/.test(text)) return count;
  throw new Error('It must be a whole number.');
}

/** `65536`, `64k`, `16m`, `1g`. */
export function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d{1,12})\s*([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  if (digits !== undefined) return Number(digits) * UNITS[unit!.toLowerCase()]!;
  throw new Error('It must be a number of bytes, or one with a unit: 64k, 16m, 1g.');
}

/** Milliseconds of `1500` (milliseconds), `30s`, `10m`, `72h`, `14d`. */
export function parseDuration(text: string): number {
  const millis = durationMillis(/^\d{1,15}$/.test(text) ? Number(text) : text);
  if (millis !== undefined) return millis;
  throw new Error('It must be a duration like 500ms, 30s, 10m, 72h or 14d; a number alone counts milliseconds.');
}

export function parseSwitch(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw new Error('It must be true or false.');
}

export function oneOf(...choices: readonly string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text;
    throw new Error(`It must be one of ${choices.join(', ')}.`);
  };
}

/** `orders` or `orders:8`, with its number of queues. */
export function parseTopic(text: string): { name: string; queues?: number } {
  const [, name, queues] = /^([^:\s]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (name === undefined) throw new Error('A topic is its name, or its name and its number of queues: orders:8.');
  return queues === undefined ? { name } : { name, queues: Number(queues) };
}

/** `origin=till-4`; the value may hold further `=`. */
export function parseProperty(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new Error('A property is name=value.');
}

/** A duration, or one of RocketMQ's 18 levels: `level:3`. */
export function parseDelay(text: string): { level: number } | { millis: number } {
  const [, level] = /^level:(\d{1,2})$/.exec(text) ?? [];
  if (level === undefined) return { millis: parseDuration(text) };
  if (Number(level) >= 1 && Number(level) <= 18) return { level: Number(level) };
  throw new Error('A level is one of level:1 to level:18.');
}
