import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { decodeFrame, encodeFrame, FrameParser, type SerializeType } from '../../lib/remoting/index.js';
import { mapped } from './support.js';

/** Frames as Java's RemotingCommand wrote them. */
interface JavaFrame {
  name: string;
  code: number;
  language: number;
  version: number;
  opaque: number;
  flag: number;
  remark: string | null;
  serializeType: SerializeType;
  extFields: Record<string, string | null> | null;
  body: string | null;
  hex: string;
}

const frames = JSON.parse(readFileSync('test/protocol/vectors/frames.json', 'utf8')) as JavaFrame[];

describe('frames of the Java client and broker', () => {
  it('are there in both forms', () => {
    expect(new Set(frames.map((frame) => frame.serializeType))).toEqual(new Set([0, 1]));
  });

  it.each(frames)('are read and written again: $name', (frame) => {
    const bytes = Buffer.from(frame.hex, 'hex');
    const read = decodeFrame(bytes, 0, bytes.length);
    expect(read).toMatchObject({
      code: frame.code,
      language: frame.language,
      version: frame.version,
      opaque: frame.opaque,
      flag: frame.flag,
      remark: frame.remark ?? undefined,
      serializeType: frame.serializeType,
    });
    // Java reads an empty value of the binary form as null; here it is the empty text that it is in JSON.
    const fields = Object.fromEntries(
      Object.entries(frame.extFields ?? {}).map(([name, value]) => [name, value ?? '']),
    );
    expect(Object.fromEntries(read.extFields!)).toEqual(fields);
    expect(read.body?.toString('hex') ?? '').toBe(frame.body ?? '');

    const written = encodeFrame(read, frame.serializeType, (from, put) => {
      for (const [name, value] of from.extFields!) put(name, value);
    });
    expect(mapped(decodeFrame(written, 0, written.length))).toEqual(mapped(read));
    // Java's order of the fields is that of its hash table; in the binary form all else is fixed, and so the length.
    if (frame.serializeType === 1) expect(written.length).toBe(bytes.length);
  });

  it('come out of one stream of all of them', () => {
    const seen: number[] = [];
    const parser = new FrameParser((bytes, start, end) => seen.push(decodeFrame(bytes, start, end).opaque));
    const stream = Buffer.from(frames.map((frame) => frame.hex).join(''), 'hex');
    for (let at = 0; at < stream.length; at += 1000) parser.push(stream.subarray(at, at + 1000));
    expect(seen).toEqual(frames.map((frame) => frame.opaque));
  });
});
