import { PropertyName } from './property-names.js';

/**
 * The properties of a message whose sender has made them of an id that it gave itself and of what stands in many messages
 * behind it: `UNIQ_KEY 0x01 idBegin idEnd rest`. Who has them like this need neither put them together nor take them apart
 * for each message.
 */
export interface PropertyParts {
  /** The unique id but for its last four digits: the same for all ids of a millisecond. */
  readonly idBegin: string;
  /** Its last four digits, as a number. */
  readonly idEnd: number;
  /** From the 0x02 behind the id on, in wire form; undefined for properties that are only known as a text. */
  readonly rest: string | undefined;
}

export const ID_NAME = `${PropertyName.UNIQUE_KEY}\x01`;

/** How many digits `idEnd` has. */
export const ID_DIGITS = 4;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).toUpperCase().padStart(2, '0'));

/** Four upper-case digits. */
export function hex16(value: number): string {
  return HEX[(value >>> 8) & 0xff]! + HEX[value & 0xff]!;
}

/** How long the properties are in wire form, in characters; without putting them together where they are in parts. */
export function propertiesLength(message: { readonly properties: string } & Partial<PropertyParts>): number {
  const { idBegin, rest } = message;
  return rest === undefined ? message.properties.length : ID_NAME.length + idBegin!.length + ID_DIGITS + rest.length;
}

/** The properties in wire form. */
export function joinedProperties(idBegin: string, idEnd: number, rest: string): string {
  return ID_NAME + idBegin + hex16(idEnd) + rest;
}
