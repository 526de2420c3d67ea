import { MessagingError } from '../errors.js';
import { readJson } from './json-reader.js';
import type { JsonObject, JsonValue } from './json-reader.js';

/** Typed access to what the tolerant reader gives. Absent and null are the same, as in Java's beans. */

export function readObject(body: Buffer | string, what: string): JsonObject {
  return asObject(readJson(body), what);
}

export function writeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

export function asObject(value: JsonValue | undefined, what: string): JsonObject {
  if (!(value instanceof Map)) {
    throw new MessagingError('BAD_ARGUMENT', `The body should have an object as ${what}.`);
  }
  return value;
}

/** Sets travel as arrays; null stands for an empty one. */
export function arrayOf(object: JsonObject, name: string): JsonValue[] {
  const value = object.get(name) ?? null;
  if (value === null) {
    return [];
  }
  if (!Array.isArray(value)) {
    throw wrong(name, 'an array');
  }
  return value;
}

export function objectsOf(object: JsonObject, name: string): JsonObject[] {
  return arrayOf(object, name).map((value) => asObject(value, `an element of "${name}"`));
}

export function textsOf(object: JsonObject, name: string): string[] {
  return arrayOf(object, name).map((value) => {
    if (typeof value !== 'string') {
      throw wrong(name, 'an array of strings');
    }
    return value;
  });
}

export function numbersOf(object: JsonObject, name: string): number[] {
  return arrayOf(object, name).map((value) => {
    if (typeof value !== 'number') {
      throw wrong(name, 'an array of numbers');
    }
    return value;
  });
}

/** An object that stands for a table; null stands for an empty one. */
export function tableOf(object: JsonObject, name: string): JsonObject {
  const value = object.get(name) ?? null;
  return value === null ? new Map() : asObject(value, `"${name}"`);
}

export function textOf(object: JsonObject, name: string, fallback?: string): string {
  const value = object.get(name) ?? fallback;
  if (typeof value !== 'string') {
    throw wrong(name, 'a string');
  }
  return value;
}

export function optionalTextOf(object: JsonObject, name: string): string | undefined {
  const value = object.get(name) ?? undefined;
  if (value !== undefined && typeof value !== 'string') {
    throw wrong(name, 'a string');
  }
  return value;
}

export function numberOf(object: JsonObject, name: string, fallback?: number): number {
  const value = object.get(name) ?? fallback;
  if (typeof value !== 'number') {
    throw wrong(name, 'a number');
  }
  return value;
}

export function optionalNumberOf(object: JsonObject, name: string): number | undefined {
  const value = object.get(name) ?? undefined;
  if (value !== undefined && typeof value !== 'number') {
    throw wrong(name, 'a number');
  }
  return value;
}

export function flagOf(object: JsonObject, name: string, fallback: boolean): boolean {
  const value = object.get(name) ?? fallback;
  if (typeof value !== 'boolean') {
    throw wrong(name, 'true or false');
  }
  return value;
}

function wrong(name: string, kind: string): MessagingError {
  return new MessagingError('BAD_ARGUMENT', `The field "${name}" of the body should be ${kind}.`);
}
