import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequest, createResponse, type RemotingCommand } from '../../lib/protocol/index.js';
import {
  decodeFrame,
  encodeFrame,
  FrameParser,
  MAX_FRAME_BYTES,
  requestFields,
  responseFields,
  type SerializeType,
} from '../../lib/remoting/index.js';
import { mapped } from './support.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.constantFrom('__proto__', 'constructor', 'toString'),
);
const command = fc.record({
  code: int32,
  language: fc.integer({ min: 0, max: 13 }),
  version: fc.integer({ min: 0, max: 32_767 }),
  opaque: int32,
  flag: int32,
  remark: fc.option(fc.string({ minLength: 1, unit: 'grapheme' }), { nil: undefined }),
  extFields: fc
    .array(fc.tuple(name, fc.string({ unit: 'grapheme' })), { maxLength: 10 })
    .map((pairs) => new Map(pairs)),
  body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 3000 }).map(Buffer.from), { nil: undefined }),
});
const serialize = fc.constantFrom<SerializeType>(0, 1);
const rawFields = (from: RemotingCommand, put: (key: string, value: string) => void): void =>
  from.extFields!.forEach((value, key) => put(key, value));

function decode(bytes: Buffer): RemotingCommand {
  return decodeFrame(bytes, 0, bytes.length);
}

describe('frames', () => {
  it('come back as they went, in either form', () => {
    fc.assert(
      fc.property(command, serialize, (sent, type) => {
        const full = { ...sent, header: {} };
        const back = decode(encodeFrame(full, type, rawFields));
        // Codes of more than 16 bits travel as JSON whatever was asked for.
        const expected = type === 1 && sent.code === (sent.code << 16) >> 16 ? 1 : 0;
        expect(mapped(back)).toEqual({ ...full, serializeType: expected });
      }),
      { numRuns: 500 },
    );
  });

  it('are found again wherever the stream is cut', () => {
    const frames = fc.array(fc.tuple(command, serialize), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 50 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(([one, type]) => encodeFrame({ ...one, header: {} }, type, rawFields)));
        const seen: RemotingCommand[] = [];
        const parser = new FrameParser((bytes, start, end) => seen.push(decodeFrame(bytes, start, end)));
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length]!;
          parser.push(Buffer.from(stream.subarray(at, at + size)));
          at += size;
        }
        expect(seen.map((one) => one.opaque)).toEqual(sent.map(([one]) => one.opaque));
        for (const [i, one] of seen.entries())
          expect(one.body ?? Buffer.alloc(0)).toEqual(sent[i]![0].body ?? Buffer.alloc(0));
        expect(parser.headerIncomplete).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('lie where they arrived when they are whole', () => {
    const one = encodeFrame(createRequest(34, {}, Buffer.from('body')), 0, requestFields);
    const chunk = Buffer.concat([one, one]);
    const bodies: Buffer[] = [];
    new FrameParser((bytes, start, end) => bodies.push(decodeFrame(bytes, start, end).body!)).push(chunk);
    expect(bodies).toHaveLength(2);
    for (const body of bodies) expect(body.buffer).toBe(chunk.buffer);
  });

  it('wait inside a chunk while the parser is paused', () => {
    const one = encodeFrame(createRequest(34, {}), 1, requestFields);
    let count = 0;
    const parser = new FrameParser(() => {
      if (++count === 2) parser.pause();
    });
    parser.push(Buffer.concat([one, one, one, one.subarray(0, 5)]));
    parser.push(one.subarray(5));
    expect(count).toBe(2);
    parser.resume();
    expect(count).toBe(4);
  });

  it('cost no more in single bytes than at once', () => {
    const frame = encodeFrame(createRequest(34, {}, Buffer.alloc(1 << 20)), 0, requestFields);
    let seen = 0;
    const parser = new FrameParser((_bytes, start, end) => {
      seen = end - start;
    });
    for (let at = 0; at < frame.length; at++) parser.push(frame.subarray(at, at + 1));
    expect(seen).toBe(frame.length);
  });

  describe('that come in pieces', () => {
    const frameOf = (bytes: number, fill: string): Buffer =>
      encodeFrame(createRequest(34, {}, Buffer.alloc(bytes, fill)), 0, requestFields);
    /** The bodies as they were handed over, not copied. */
    const bodiesOf = (frames: readonly Buffer[], spent: (body: Buffer) => boolean): Buffer[] => {
      const bodies: Buffer[] = [];
      const parser = new FrameParser((bytes, start, end) => {
        const body = decodeFrame(bytes, start, end).body!;
        bodies.push(body);
        if (spent(body)) parser.letGo();
      });
      const stream = Buffer.concat(frames);
      for (let at = 0; at < stream.length; at += 65_536) parser.push(stream.subarray(at, at + 65_536));
      return bodies;
    };
    const letters = ['a', 'b', 'c', 'd', 'e', 'f'];

    it('share memory when they are let go, also when the next one is a little longer', () => {
      const frames = letters.map((letter, index) => frameOf(270_000 + index * 1000, letter));
      const bodies = bodiesOf(frames, () => true);
      expect(bodies).toHaveLength(6);
      // The first one is not known to be let go, and has no room to spare.
      expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(2);
    });

    it('are never written over while somebody holds them', () => {
      const frames = letters.map((letter, index) => frameOf(270_000 + index * 1000, letter));
      const held = new Set([2, 5].map((index) => letters[index]!.charCodeAt(0)));
      const bodies = bodiesOf([...frames, ...frames], (body) => !held.has(body[0]!));
      for (const index of [2, 5, 8, 11]) {
        const frame = frames[index % 6]!;
        expect(bodies[index]!.equals(frame.subarray(frame.length - bodies[index]!.length))).toBe(true);
      }
      for (const index of [2, 5, 8, 11])
        expect(bodies.slice(index + 1).every(({ buffer }) => buffer !== bodies[index]!.buffer)).toBe(true);
    });

    it('tell when nothing refers to the chunk any more', () => {
      const one = frameOf(100, 'a');
      let keep = 0;
      const parser = new FrameParser((bytes, start, end) => {
        if (decodeFrame(bytes, start, end).body![0] !== keep) parser.letGo();
      });
      const spent = (...parts: Buffer[]): boolean => {
        parser.push(Buffer.concat(parts));
        return parser.chunkSpent;
      };
      expect(spent(one, one.subarray(0, 50))).toBe(true);
      expect(spent(one.subarray(50), one)).toBe(true);
      expect(spent(one, one.subarray(0, 20))).toBe(true);
      keep = 97;
      // The one that is held was stitched, in memory of its own.
      expect(spent(one.subarray(20))).toBe(true);
      expect(spent(one, frameOf(100, 'b'))).toBe(false);
      expect(spent(frameOf(100, 'b'))).toBe(true);
      parser.pause();
      expect(spent(frameOf(100, 'b'))).toBe(false);
    });

    it('are copied out of memory that is only lent', () => {
      const frames = [
        frameOf(100, 'a'),
        frameOf(90_000, 'b'),
        frameOf(1000, 'c'),
        frameOf(70, 'd'),
        frameOf(40_000, 'e'),
      ];
      const bodies: Buffer[] = [];
      const parser = new FrameParser((bytes, start, end) => {
        bodies.push(decodeFrame(bytes, start, end).body!);
        if (bodies.length === 3) parser.pause();
      });
      const stream = Buffer.concat(frames);
      const memory = Buffer.alloc(65_536);
      for (let at = 0; at < stream.length; at += memory.length) {
        parser.push(memory.subarray(0, stream.copy(memory, 0, at)), true);
        memory.fill('x');
      }
      expect(bodies).toHaveLength(3);
      parser.resume();
      expect(bodies.map((body) => [body.length, new Set(body).size, String.fromCharCode(body[0]!)])).toEqual([
        [100, 1, 'a'],
        [90_000, 1, 'b'],
        [1000, 1, 'c'],
        [70, 1, 'd'],
        [40_000, 1, 'e'],
      ]);
    });

    it('keep no large memory for a small body', () => {
      const bodies = bodiesOf([frameOf(400_000, 'a'), frameOf(400_000, 'b'), frameOf(60_000, 'c')], (body) => body[0] !== 99); // prettier-ignore
      expect(bodies[2]!.buffer.byteLength).toBeLessThan(100_000);
    });
  });

  it('refuse more than 16 MiB before anything is sent', () => {
    const body = Buffer.alloc(MAX_FRAME_BYTES);
    expect(() => encodeFrame(createRequest(34, {}, body), 0, requestFields)).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }),
    );
  });

  it('always carry extFields in JSON, which Java reads without looking', () => {
    const bytes = encodeFrame(createResponse(0, {}), 0, responseFields(310));
    expect(JSON.parse(bytes.toString('utf8', 8))).toEqual({
      code: 0,
      language: 'OTHER',
      version: 479,
      opaque: 0,
      flag: 1,
      extFields: {},
    });
  });

  it('keep what a relayed command carried beyond its typed header', () => {
    const relayed = {
      ...createRequest(38, { consumerGroup: 'g' }),
      extFields: new Map([
        ['bname', 'b'],
        ['consumerGroup', 'old'],
      ]),
    };
    const back = decode(encodeFrame(relayed, 1, requestFields));
    expect(Object.fromEntries(back.extFields!)).toEqual({ bname: 'b', consumerGroup: 'g' });
  });

  const header = (text: string): Buffer => {
    const bytes = Buffer.alloc(8 + Buffer.byteLength(text));
    bytes.writeInt32BE(bytes.length - 4, 0);
    bytes.writeInt32BE(bytes.length - 8, 4);
    bytes.write(text, 8);
    return bytes;
  };

  it.each([
    '',
    'null',
    '[]',
    '7',
    '{"code":1',
    '\ufeff{"code":1,"opaque":1}',
    '{"opaque":1}',
    '{"code":"1","opaque":1}',
    '{"code":1e309,"opaque":1}',
    '{"code":1.5,"opaque":1}',
    '{"code":2147483648,"opaque":1}',
    '{"code":1,"opaque":null}',
    '{"code":1,"opaque":1,"flag":"0"}',
    '{"code":1,"opaque":1,"extFields":[]}',
    '{"code":1,"opaque":1,"extFields":"x"}',
    '{"code":1,"opaque":1,"extFields":{"a":{}}}',
    '{"code":1,"opaque":1,"extFields":' + '['.repeat(100_000) + ']'.repeat(100_000) + '}',
  ])('refuse a JSON header that is none: %.60s', (text) => {
    expect(() => decode(header(text))).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
  });

  it('understand what other clients write: absent fields, nulls, numbers as values, unknown languages', () => {
    const read = decode(
      header(
        '{"code":-0,"opaque":-1,"language":"COBOL","remark":null,"extFields":{"n":7,"b":true,"z":null,"__proto__":"p"},"x":{"y":[]}}',
      ),
    );
    expect(read).toMatchObject({ code: 0, opaque: -1, language: 7, version: 0, flag: 0, remark: undefined });
    expect(Object.is(read.code, 0)).toBe(true);
    expect([...read.extFields!]).toEqual([
      ['n', '7'],
      ['b', 'true'],
      ['__proto__', 'p'],
    ]);
    expect(decode(header('{"code":1,"opaque":1,"extFields":null}')).extFields!.size).toBe(0);
  });

  it('never read a binary header beyond its end, whatever its bytes are', () => {
    const good = encodeFrame(
      { ...createRequest(34, {}), remark: 'r', extFields: new Map([['key', 'value']]) },
      1,
      rawFields,
    );
    fc.assert(
      fc.property(fc.nat(good.length - 9), fc.nat(255), fc.nat(good.length - 8), (at, byte, length) => {
        const bad = Buffer.from(good);
        bad[8 + at] = byte;
        bad.writeInt32BE((1 << 24) | length, 4);
        try {
          decode(bad);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FRAME_INVALID' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
