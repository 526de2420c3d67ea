import { MessagingError } from '../errors.js';
import { writeInt16 } from '../int64.js';

/** Below it a loop over the characters beats the call into the native encoder. */
const SHORT_TEXT = 24;

/** Writes a text whose length in UTF-8 bytes is known; returns where it ends. */
export function writeText(target: Buffer, at: number, text: string, byteLength: number): number {
  if (byteLength > text.length) target.write(text, at, byteLength, 'utf8');
  // ASCII, as it takes a byte for each character: half the time of the UTF-8 encoder.
  else if (byteLength > SHORT_TEXT) target.write(text, at, byteLength, 'latin1');
  else for (let i = 0; i < byteLength; i++) target[at + i] = text.charCodeAt(i);
  return at + byteLength;
}

/** The same with its length in front, in 16 bits. Throws BAD_ARGUMENT for a longer one. */
export function writeCounted(target: Buffer, at: number, text: string, byteLength: number): number {
  if (byteLength > 0xffff)
    throw new MessagingError('BAD_ARGUMENT', `A text of ${byteLength} bytes has no place in a pack; 65535 have.`);
  writeInt16(target, at, byteLength);
  return writeText(target, at + 2, text, byteLength);
}
