import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { decompress } from '../../../lib/client/compression/body-codec.js';
import { decompressLz4Frames } from '../../../lib/client/compression/lz4-frame.js';
import { SysFlag } from '../../../lib/protocol/index.js';

interface Vector {
  readonly name: string;
  readonly content: keyof typeof CONTENTS;
  readonly bytes: string;
}

/** The same that was given to the programs `lz4` 1.9 and `zstd` 1.5. */
const CONTENTS = {
  empty: Buffer.alloc(0),
  short: Buffer.from('hello'),
  zeros: Buffer.alloc(300_000),
  noise: noise(),
  again: Buffer.concat(Array.from({ length: 100 }, noise)),
  lines: Buffer.from(
    Array.from({ length: 8_000 }, (_, n) => `order ${(n * 7_919) % 1_000_003} paid by customer ${n % 97}; `).join(''),
  ).subarray(0, 20_000),
};

function noise(): Buffer {
  let state = 12_345;
  return Buffer.from(
    Array.from({ length: 1_000 }, () => {
      state = Number((BigInt(state) * 1_103_515_245n + 12_345n) & 0x7fff_ffffn);
      return (state >> 16) & 255;
    }),
  );
}

const file = new URL('../../../../test/client/compression/vectors/made-by-lz4-and-zstd.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vector[];
const flagOf = (name: string): number =>
  SysFlag.COMPRESSED | (name.startsWith('lz4') ? SysFlag.COMPRESSION_LZ4 : SysFlag.COMPRESSION_ZSTD);
const LIMIT = 1 << 20;

describe('compressed bodies', () => {
  it.each(vectors)('$name is read', async ({ name, content, bytes }) => {
    const body = await decompress(Buffer.from(bytes, 'base64'), flagOf(name));
    expect(body.equals(CONTENTS[content])).toBe(true);
  });

  it.each(vectors.filter(({ content }) => content !== 'empty'))('$name, cut off, is undecodable', async (vector) => {
    const bytes = Buffer.from(vector.bytes, 'base64');
    for (const length of [3, 9, bytes.length >> 1, bytes.length - 1]) {
      const read = decompress(bytes.subarray(0, length), flagOf(vector.name));
      await expect(read).rejects.toMatchObject({ code: 'UNDECODABLE' });
    }
  });

  it('several frames and frames of other content are read as one', () => {
    const [frame] = vectors
      .filter(({ name }) => name === 'lz4: a few bytes')
      .map(({ bytes }) => Buffer.from(bytes, 'base64'));
    const other = Buffer.from('502a4d1803000000616263', 'hex');
    expect(decompressLz4Frames(Buffer.concat([frame!, other, frame!]), LIMIT).toString()).toBe('hellohello');
  });

  it('a body that unfolds to more than 64 MiB is refused', async () => {
    // One block of 4 MiB of zeros is 16 KiB; the same again and again.
    const head = Buffer.from('04224d18607073', 'hex');
    const sequence = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(16_400, 255), Buffer.from([0, 0])]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(sequence.length);
    const blocks = Array.from({ length: 20 }, () => [size, sequence]).flat();
    const bomb = Buffer.concat([head, ...blocks, Buffer.alloc(4)]);
    await expect(decompress(bomb, SysFlag.COMPRESSED | SysFlag.COMPRESSION_LZ4)).rejects.toMatchObject({
      code: 'UNDECODABLE',
      message: expect.stringMatching(/more than 67108864 bytes/) as unknown as string,
    });
  });

  it.each([
    ['a distance before the beginning', '10ff0900'],
    ['a distance of nothing', '10ff0000'],
    ['literals without an end', 'f0ff'],
    ['a distance of one byte', '10ff09'],
  ])('a block with %s is refused', (_what, block) => {
    const bytes = Buffer.from(block, 'hex');
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    const frame = Buffer.concat([Buffer.from('04224d18607073', 'hex'), size, bytes, Buffer.alloc(4)]);
    expect(() => decompressLz4Frames(frame, LIMIT)).toThrow(/refers to what is not there|is cut off/);
  });

  it('an unknown method is named', async () => {
    const read = decompress(Buffer.from('x'), SysFlag.COMPRESSED | 0x400);
    await expect(read).rejects.toMatchObject({
      code: 'UNDECODABLE',
      message: expect.stringMatching(/zlib, LZ4/) as unknown as string,
    });
  });
});
