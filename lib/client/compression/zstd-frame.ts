/*
 * The outline of a Zstandard frame, little-endian (RFC 8878, section 3.1.1):
 *
 *   magic u32 | descriptor u8 | [window u8] | [dictionary id 1, 2, 4] | [content size 1, 2, 4, 8] | block ... | [checksum u32]
 *
 *   descriptor  bits 7-6 width of the content size, 5 single segment (no window), 2 checksum, 1-0 width of the dictionary id
 *   block       head u24: bit 0 last, bits 2-1 kind, 21 bits size | bytes (of kind RLE: one)
 */
const MAGIC = 0xfd2fb528;
/** Frames that carry something else; readers pass over them. */
const SKIPPABLE = 0x184d2a50;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const RLE = 1;

/**
 * Throws an Error if the frames do not reach their end: Node 22 and 24 return what a frame that is cut off held so far
 * as if it were all.
 */
export function requireWholeZstdFrames(bytes: Buffer): void {
  let at = 0;
  while (at < bytes.length) {
    const magic = read(bytes, at, 4);
    if (magic === MAGIC) at = frameEnd(bytes, at + 4);
    else if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE) at += 8 + read(bytes, at + 4, 4);
    else throw new Error(`no Zstandard frame begins with 0x${magic.toString(16)}`);
  }
  if (at > bytes.length) throw new Error('the Zstandard frame is cut off');
}

function frameEnd(bytes: Buffer, start: number): number {
  const descriptor = read(bytes, start, 1);
  const singleSegment = (descriptor & 0x20) !== 0;
  const width = descriptor >> 6;
  const contentSize = width === 0 && singleSegment ? 1 : CONTENT_SIZE_BYTES[width]!;
  let at = start + 1 + (singleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]! + contentSize;
  for (;;) {
    const head = read(bytes, at, 3);
    const size = head >>> 3;
    at += 3 + (((head >> 1) & 3) === RLE ? 1 : size);
    if ((head & 1) !== 0) return at + ((descriptor & 4) === 0 ? 0 : 4);
  }
}

function read(bytes: Buffer, at: number, width: number): number {
  if (at + width > bytes.length) throw new Error('the Zstandard frame is cut off');
  return bytes.readUIntLE(at, width);
}
