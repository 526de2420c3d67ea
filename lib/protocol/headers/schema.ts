import { MessagingError } from '../errors.js';

/** How a typed header becomes the strings that travel, and back. */
export interface HeaderSchema<H extends object = object> {
  /** Gives every field that is present, as text. */
  toFields(header: H, put: (name: string, value: string) => void): void;
  /** Throws BAD_ARGUMENT when a required field is missing or a number is none. */
  fromFields(fields: ReadonlyMap<string, string>): H;
}

/** How a typed header travels as the command's body: of those that have too much in them, or come too often, for fields. */
export interface BodyForm<H extends object = object> {
  encode(header: H): Buffer;
  /** What it keeps of the body are views. Throws BAD_ARGUMENT. */
  decode(body: Buffer): H;
}

/** The header of requests and responses that need none. */
export type EmptyHeader = Record<never, never>;

type Kind = 'text' | 'int' | 'long' | 'flag';

export interface Field {
  readonly kind: Kind;
  readonly required: boolean;
  /** The name that travels, where it differs from the property's. */
  readonly wire?: string;
  /** What an absent field means. */
  readonly fallback?: string | number | boolean;
}

export const text: Field = { kind: 'text', required: true };
export const int: Field = { kind: 'int', required: true };
export const long: Field = { kind: 'long', required: true };
export const flag: Field = { kind: 'flag', required: true };
export const optionalText: Field = { kind: 'text', required: false };
export const optionalInt: Field = { kind: 'int', required: false };
export const optionalLong: Field = { kind: 'long', required: false };
export const optionalFlag: Field = { kind: 'flag', required: false };

const LONGEST_NUMBER = 20;

function missing(name: string): MessagingError {
  return new MessagingError('BAD_ARGUMENT', `The header field "${name}" is missing.`);
}

function notANumber(name: string, value: string): MessagingError {
  return new MessagingError(
    'BAD_ARGUMENT',
    `The header field "${name}" is ${JSON.stringify(value.slice(0, 40))}, which is no whole number in its range.`,
  );
}

/** Digits only, with a sign: what Java's parseLong takes. NaN for anything else. */
function parseWhole(value: string): number {
  const length = value.length;
  const first = value.charCodeAt(0);
  const start = first === 45 || first === 43 ? 1 : 0;
  if (length === start || length > LONGEST_NUMBER) {
    return NaN;
  }
  let number = 0;
  for (let i = start; i < length; i++) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) {
      return NaN;
    }
    number = number * 10 + digit;
  }
  return first === 45 && number !== 0 ? -number : number;
}

export function parseInt32(name: string, value: string): number {
  const number = parseWhole(value);
  if (number !== (number | 0)) {
    throw notANumber(name, value);
  }
  return number;
}

/** Java's Long.MAX_VALUE and the like stand for "no bound"; they become the greatest safe integer. */
export function parseLong(name: string, value: string): number {
  const number = parseWhole(value);
  if (Number.isNaN(number)) {
    throw notANumber(name, value);
  }
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}

export function parseFlag(value: string): boolean {
  return value === 'true' || value.toLowerCase() === 'true';
}

export function requiredText(fields: ReadonlyMap<string, string>, name: string): string {
  const value = fields.get(name);
  if (value === undefined) {
    throw missing(name);
  }
  return value;
}

export function requiredInt(fields: ReadonlyMap<string, string>, name: string): number {
  return parseInt32(name, requiredText(fields, name));
}

export function requiredLong(fields: ReadonlyMap<string, string>, name: string): number {
  return parseLong(name, requiredText(fields, name));
}

export function intOr(fields: ReadonlyMap<string, string>, name: string): number | undefined {
  const value = fields.get(name);
  return value === undefined ? undefined : parseInt32(name, value);
}

export function flagOr(fields: ReadonlyMap<string, string>, name: string): boolean | undefined {
  const value = fields.get(name);
  return value === undefined ? undefined : parseFlag(value);
}

function parse(field: Field, name: string, value: string | undefined): string | number | boolean | undefined {
  if (value === undefined) {
    if (field.required) {
      throw missing(name);
    }
    return field.fallback;
  }
  switch (field.kind) {
    case 'text':
      return value;
    case 'int':
      return parseInt32(name, value);
    case 'long':
      return parseLong(name, value);
    case 'flag':
      return parseFlag(value);
  }
}

/** A schema from the list of its fields; the compiler checks that none of the header's is forgotten. */
export function defineHeader<H extends object>(shape: { readonly [K in keyof H]-?: Field }): HeaderSchema<H> {
  const fields = Object.entries<Field>(shape).map(([name, field]) => ({ name, field, wire: field.wire ?? name }));
  return {
    toFields(header, put) {
      for (const { name, wire } of fields) {
        const value = (header as Record<string, unknown>)[name];
        if (value !== undefined && value !== null) {
          put(wire, typeof value === 'string' ? value : String(value));
        }
      }
    },
    fromFields(values) {
      const header: Record<string, unknown> = {};
      for (const { name, field, wire } of fields) {
        header[name] = parse(field, wire, values.get(wire));
      }
      return header as H;
    },
  };
}

export const EMPTY_HEADER: HeaderSchema<EmptyHeader> = {
  toFields() {},
  fromFields: () => ({}),
};
