import fc from 'fast-check';

/** One change of a text of bytes. Places are shares of what is there, so that an edit fits whatever was edited before. */
export interface Edit {
  readonly kind: (typeof KINDS)[number];
  readonly place: number;
  readonly value: number;
}

const KINDS = ['flip', 'byte', 'int16', 'int32', 'repeat', 'delete', 'double', 'cut', 'splice', 'token'] as const;

const NUMBERS = [0, 1, -1, 2, 4, 7, 8, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, 0x1000000];
const LARGE = [0x7fffffff, -0x80000000, 0x7ffffffe, 16_777_216, 1_048_576, 1 << 30, -2];
/** What means something to one of the decoders. */
const TOKENS = [
  '"__proto__":', '{', '}', '[', ']', '{{', '}:', ',', ':', '"', '\\', '\\ud800', '\\u0000', 'null', 'true', '-0', '1e309', 'NaN',
  '9007199254740993', '99999999999999999999', '""', '0', '-1', '\x01', '\x02', '\x00', '\xef\xbb\xbf', '\xff\xfe', '\xda\xa3\x20\xa7',
  '%RETRY%', '0x10', ' ', '\n', '=', '{0:', '[[', 'K'.repeat(300), '['.repeat(200), '{"a":'.repeat(200),
].map((text) => Buffer.from(text, 'latin1')); // prettier-ignore

export const anyEdit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom(...KINDS),
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  value: fc.nat({ max: 2 ** 31 - 1 }),
});

/** `others`: what pieces are taken from. */
export function edited(bytes: Buffer, edits: readonly Edit[], others: readonly Buffer[]): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (const edit of edits) result = apply(result, edit, others);
  return result;
}

function apply(bytes: Buffer, { kind, place, value }: Edit, others: readonly Buffer[]): Buffer {
  const at = Math.floor(place * bytes.length);
  const number = [...NUMBERS, ...LARGE][value % (NUMBERS.length + LARGE.length)]!;
  const length = 1 + (value % 64);
  switch (kind) {
    case 'flip':
      return written(bytes, at, 1, (target) => target.writeUInt8((bytes[at] ?? 0) ^ (1 << (value % 8)), at));
    case 'byte':
      return written(bytes, at, 1, (target) => target.writeUInt8(number & 0xff, at));
    case 'int16':
      return written(bytes, at, 2, (target) => target.writeUInt16BE(number & 0xffff, at));
    case 'int32':
      return written(bytes, at, 4, (target) => target.writeInt32BE(number | 0, at));
    case 'repeat':
      return inserted(bytes, at, Buffer.alloc(length, bytes[at] ?? 0));
    case 'delete':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 'double':
      return inserted(bytes, at, bytes.subarray(at, at + length * 4));
    case 'cut':
      return bytes.subarray(0, at);
    case 'splice': {
      const other = others[value % others.length]!;
      const from = value % (other.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from)]);
    }
    case 'token':
      return inserted(bytes, at, TOKENS[value % TOKENS.length]!);
  }
}

function written(bytes: Buffer, at: number, count: number, write: (target: Buffer) => void): Buffer {
  if (at + count <= bytes.length) write(bytes);
  return bytes;
}

function inserted(bytes: Buffer, at: number, what: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)]);
}
