import { wrong } from './rules.js';

/**
 * A broker in another thread has a copy of its settings.
 * @throws MessagingError CONFIGURATION naming what cannot be copied.
 */
export function checkCopied(settings: object): void {
  const found = uncopiable(settings, 'broker', new Set());
  if (found !== undefined) {
    throw wrong(
      `${found.where} is ${found.what}, which cannot cross to the thread of the broker. Give it as plain data, or run the broker ` +
        "inline (broker.run: 'inline').",
    );
  }
}

function uncopiable(value: unknown, where: string, seen: Set<object>): { where: string; what: string } | undefined {
  if (typeof value === 'function') return { where, what: 'a function' };
  if (typeof value === 'symbol') return { where, what: 'a symbol' };
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined;
  seen.add(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (a test runner's) have other prototypes of the same shape.
  const plain = prototype === null || Array.isArray(value) || Object.getPrototypeOf(prototype) === null;
  if (!plain) return { where, what: `an instance of ${value.constructor?.name ?? 'a class'}` };
  for (const [key, part] of Object.entries(value)) {
    const found = uncopiable(part, Array.isArray(value) ? `${where}[${key}]` : `${where}.${key}`, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}
