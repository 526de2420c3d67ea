import { ID_DIGITS, ID_NAME, type PropertyParts } from '../property-parts.js';

/** What a client gives its messages on a machine with an IPv4 address, and all that is recognized. */
const ID_BYTES = 32;
const BEGIN_BYTES = ID_BYTES - ID_DIGITS;
const REST_AT = ID_NAME.length + ID_BYTES;
/** A longer rest is hardly that of many messages. */
const LONGEST_REST = 512;

const NAME = viewOf(ID_NAME);
/** The value of each digit, -1 for bytes that are none. */
const DIGITS = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;

class Parts implements PropertyParts {
  constructor(
    readonly idBegin: string,
    readonly idEnd: number,
    readonly rest: string,
  ) {}
}

/**
 * Recognizes properties that are an id and what stood behind the id of a message before. Comparing bytes takes a tenth of what it
 * costs to make a text of them and to look at that.
 */
export class PartsReader {
  private rest = '';
  private restBytes = viewOf('');
  private idBegin = '';
  private beginBytes = viewOf('0'.repeat(BEGIN_BYTES));

  /**
   * The properties that lie in [from, to); undefined for others. What stands behind the id of the message is what those after it
   * are compared with, if `learn` says so. `view` is one of all `bytes`.
   */
  read(bytes: Buffer, view: DataView, from: number, to: number, learn: boolean): PropertyParts | undefined {
    if (to - from <= REST_AT || !same(view, from, NAME)) return undefined;
    const restAt = from + REST_AT;
    const { restBytes } = this;
    const known = to - restAt === restBytes.byteLength && same(view, restAt, restBytes);
    if (!known && !(learn && this.learn(bytes, restAt, to))) return undefined;
    const beginAt = from + ID_NAME.length;
    if (!same(view, beginAt, this.beginBytes) && !this.begin(bytes, beginAt)) return undefined;
    let idEnd = 0;
    for (let at = restAt - ID_DIGITS; at < restAt; at++) {
      const digit = DIGITS[bytes[at]!]!;
      if (digit < 0) return undefined;
      idEnd = (idEnd << 4) | digit;
    }
    return new Parts(this.idBegin, idEnd, this.rest);
  }

  private learn(bytes: Buffer, from: number, to: number): boolean {
    if (bytes[from] !== 0x02 || to - from > LONGEST_REST) return false;
    for (let at = from; at < to; at++) if (bytes[at]! > 127) return false;
    this.rest = bytes.toString('latin1', from, to);
    this.restBytes = viewOf(this.rest);
    return true;
  }

  private begin(bytes: Buffer, from: number): boolean {
    for (let at = from; at < from + BEGIN_BYTES; at++) if (DIGITS[bytes[at]!]! < 0) return false;
    this.idBegin = bytes.toString('latin1', from, from + BEGIN_BYTES);
    this.beginBytes = viewOf(this.idBegin);
    return true;
  }
}

/** By words: byte by byte it was a twentieth of what a broker does for a send. */
function same(view: DataView, from: number, wanted: DataView): boolean {
  const length = wanted.byteLength;
  let at = 0;
  for (; at + 4 <= length; at += 4) if (view.getInt32(from + at) !== wanted.getInt32(at)) return false;
  for (; at < length; at++) if (view.getUint8(from + at) !== wanted.getUint8(at)) return false;
  return true;
}

function viewOf(text: string): DataView {
  return new DataView(new Uint8Array(Buffer.from(text, 'latin1')).buffer);
}
