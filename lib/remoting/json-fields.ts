import { frameInvalid } from './frame-error.js';

/**
 * The extension fields of a JSON header, looked up in the very object that was parsed. Headers are read by the names that they
 * are known to have; a `Map` of all of them, with its growing tables, was a fifth of what a broker allocated for a message that
 * comes alone (3.2 of 15 KB). One is made only for who goes through them all.
 */
export class JsonFields implements ReadonlyMap<string, string> {
  private map: Map<string, string> | undefined;

  /** Throws FRAME_INVALID where a field is no text, number or boolean; `null` stands for an absent one. */
  constructor(private readonly parsed: Readonly<Record<string, unknown>>) {
    for (const field of Object.values(parsed))
      if (typeof field === 'object' && field !== null) throw noText(parsed, field);
  }

  get(name: string): string | undefined {
    // Only what came counts: every object has a `constructor`.
    return Object.hasOwn(this.parsed, name) ? asText(this.parsed[name]) : undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get size(): number {
    return this.all().size;
  }

  forEach(callback: (value: string, name: string, fields: ReadonlyMap<string, string>) => void): void {
    for (const [name, value] of this.all()) callback(value, name, this);
  }

  entries(): MapIterator<[string, string]> {
    return this.all().entries();
  }

  keys(): MapIterator<string> {
    return this.all().keys();
  }

  values(): MapIterator<string> {
    return this.all().values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.all().entries();
  }

  private all(): Map<string, string> {
    if (this.map !== undefined) return this.map;
    this.map = new Map();
    for (const [name, field] of Object.entries(this.parsed)) {
      const text = asText(field);
      if (text !== undefined) this.map.set(name, text);
    }
    return this.map;
  }
}

function asText(field: unknown): string | undefined {
  if (typeof field === 'string') return field;
  return field === null ? undefined : String(field);
}

function noText(parsed: Readonly<Record<string, unknown>>, field: unknown): Error {
  const name = Object.keys(parsed).find((key) => parsed[key] === field)!;
  return frameInvalid(`the extension field ${JSON.stringify(name.slice(0, 40))} is no text`);
}
