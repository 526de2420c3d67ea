import { MessagingError } from '../errors.js';

/** What a body may hold. Objects are Maps: a key like `__proto__` is only a key. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export type JsonObject = Map<string, JsonValue>;

export interface JsonBounds {
  /** Default 16 MiB. */
  maxBytes?: number;
  /** Default 32 nested objects and arrays. */
  maxDepth?: number;
  /** Default 2 million values. */
  maxValues?: number;
}

/**
 * Reads JSON and the two liberties that fastjson takes: unquoted keys (`{0:"a"}`), and objects as keys
 * (`{{"topic":"t","queueId":0}:1}`), which become the text of the object. Bounded in size, depth and number of values;
 * anything else throws BAD_ARGUMENT.
 */
export function readJson(body: Buffer | string, bounds: JsonBounds = {}): JsonValue {
  const length = typeof body === 'string' ? body.length : body.byteLength;
  const maxBytes = bounds.maxBytes ?? 16 * 1024 * 1024;
  if (length > maxBytes) {
    throw new MessagingError('BAD_ARGUMENT', `A JSON body of ${length} bytes is over the limit of ${maxBytes}.`);
  }
  const text = typeof body === 'string' ? body : body.toString('utf8');
  return new JsonReader(text, bounds.maxDepth ?? 32, bounds.maxValues ?? 2_000_000).read();
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BARE_KEY = /-?[\w$.]+/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

class JsonReader {
  private at = 0;
  private values = 0;

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
    private readonly maxValues: number,
  ) {}

  read(): JsonValue {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) {
      throw this.broken('the end');
    }
    return value;
  }

  private value(depth: number): JsonValue {
    if (depth > this.maxDepth) {
      throw this.bad(`is nested deeper than ${this.maxDepth}`);
    }
    if (++this.values > this.maxValues) {
      throw this.bad(`has more than ${this.maxValues} values`);
    }
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(depth: number): JsonObject {
    const object: JsonObject = new Map();
    this.at++;
    if (this.skip('}')) {
      return object;
    }
    do {
      const key = this.key(depth);
      this.expect(':');
      object.set(key, this.value(depth + 1));
    } while (this.skip(','));
    this.expect('}');
    return object;
  }

  private key(depth: number): string {
    this.space();
    const first = this.text[this.at];
    if (first === '"') {
      return this.string();
    }
    if (first === '{') {
      const start = this.at;
      this.value(depth + 1);
      return this.text.slice(start, this.at);
    }
    return this.match(BARE_KEY, 'a key');
  }

  private array(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.at++;
    if (this.skip(']')) {
      return array;
    }
    do {
      array.push(this.value(depth + 1));
    } while (this.skip(','));
    this.expect(']');
    return array;
  }

  private string(): string {
    let from = ++this.at;
    let result = '';
    for (;;) {
      const character = this.text[this.at];
      if (character === undefined) {
        throw this.broken('a closing quote');
      }
      if (character === '"') {
        return result + this.text.slice(from, this.at++);
      }
      if (character !== '\\') {
        this.at++;
        continue;
      }
      result += this.text.slice(from, this.at) + this.escape();
      from = this.at;
    }
  }

  private escape(): string {
    const character = this.text[this.at + 1] ?? '';
    if (character === 'u') {
      const digits = this.text.slice(this.at + 2, this.at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
        throw this.broken('four hexadecimal digits');
      }
      this.at += 6;
      return String.fromCharCode(parseInt(digits, 16));
    }
    const plain = ESCAPES.get(character);
    if (plain === undefined) {
      throw this.broken('an escape sequence');
    }
    this.at += 2;
    return plain;
  }

  private number(): number {
    return Number(this.match(NUMBER, 'a value'));
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) {
      throw this.broken(word);
    }
    this.at += word.length;
    return value;
  }

  private match(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) {
      throw this.broken(what);
    }
    this.at = pattern.lastIndex;
    return found[0];
  }

  private space(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private skip(character: string): boolean {
    this.space();
    if (this.text[this.at] !== character) {
      return false;
    }
    this.at++;
    return true;
  }

  private expect(character: string): void {
    if (!this.skip(character)) {
      throw this.broken(JSON.stringify(character));
    }
  }

  private broken(expected: string): MessagingError {
    return this.bad(`has no ${expected} at position ${this.at}`);
  }

  private bad(what: string): MessagingError {
    return new MessagingError('BAD_ARGUMENT', `A JSON body ${what}.`);
  }
}
