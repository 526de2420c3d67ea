import { ID_DIGITS, ID_NAME, type PropertyParts } from '../property-parts.js';

const DIGITS = Buffer.from('0123456789ABCDEF', 'latin1');

/**
 * Writes properties in parts without making a text of them first. Those of one message are mostly those of the message before it
 * but for the last digits of the id, so their bytes are kept.
 */
export class PartsWriter {
  private idBegin: string | undefined;
  private rest: string | undefined;
  /** Of the properties written last, with any digits. */
  private bytes = Buffer.alloc(0);
  private digitsAt = 0;

  /** In bytes. */
  lengthOf(parts: PropertyParts): number {
    return this.bytesOf(parts).length;
  }

  /** Returns where they end. */
  write(target: Uint8Array, at: number, parts: PropertyParts): number {
    const bytes = this.bytesOf(parts);
    const { idEnd } = parts;
    target.set(bytes, at);
    const digitsAt = at + this.digitsAt;
    target[digitsAt] = DIGITS[(idEnd >>> 12) & 0xf]!;
    target[digitsAt + 1] = DIGITS[(idEnd >>> 8) & 0xf]!;
    target[digitsAt + 2] = DIGITS[(idEnd >>> 4) & 0xf]!;
    target[digitsAt + 3] = DIGITS[idEnd & 0xf]!;
    return at + bytes.length;
  }

  private bytesOf({ idBegin, rest }: PropertyParts): Buffer {
    if (idBegin !== this.idBegin || rest !== this.rest) this.learn(idBegin, rest!);
    return this.bytes;
  }

  private learn(idBegin: string, rest: string): void {
    const before = ID_NAME + idBegin;
    this.bytes = Buffer.from(before + '0'.repeat(ID_DIGITS) + rest, 'utf8');
    this.digitsAt = Buffer.byteLength(before);
    this.idBegin = idBegin;
    this.rest = rest;
  }
}
