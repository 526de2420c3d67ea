import { describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { SeededRandom } from '../../lib/platform/index.js';
import { encodeRecord, inspectRecord, type RecordFields } from '../../lib/protocol/index.js';
import { crcOf, joinedCrc } from '../../lib/protocol/record/crc.js';

function noise(length: number, seed: number): Buffer {
  const random = new SeededRandom(seed);
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

describe('the CRC of a record', () => {
  it.each([0, 1, 15, 16, 17, 88, 255, 256, 257, 1024])(
    'is that of zlib for %i bytes anywhere in a buffer',
    (length) => {
      const bytes = noise(length + 40, length + 1);
      for (const from of [0, 1, 7, 33]) {
        const part = bytes.subarray(from, from + length);
        expect(crcOf(bytes, from, from + length) >>> 0).toBe(crc32(part));
        expect(crcOf(bytes, from, from + length, 0xdeadbeef | 0) >>> 0).toBe(crc32(part, 0xdeadbeef));
      }
    },
  );

  it.each([0, 1, 2, 100, 1023, 1024, 1025, 65_536, 1_000_003, 4 * 1024 * 1024, 9_000_000])(
    'follows from those of two parts, the second one of %i bytes',
    (length) => {
      const first = noise(90, 3);
      const second = Buffer.alloc(length, 'all the same');
      const whole = crc32(second, crc32(first));
      const parts = [crc32(first) | 0, crc32(second) | 0] as const;
      expect(joinedCrc(parts[0], parts[1], length) >>> 0).toBe(whole);
      // Other lengths in between, as from other producers.
      joinedCrc(1, 2, length + 1);
      joinedCrc(1, 2, length + 256);
      expect(joinedCrc(parts[0], parts[1], length) >>> 0).toBe(whole);
    },
  );

  it.each([0, 3, 200, 1024, 70_000])('covers every part of a record with a body of %i bytes', (length) => {
    const fields: RecordFields = {
      queueId: 3,
      flag: 7,
      queueOffset: 12,
      physicalOffset: 0,
      sysFlag: 0,
      bornTimestamp: 1_700_000_000_000,
      bornHost: '[2001:db8::1]:50000',
      storeTimestamp: 1_700_000_000_001,
      storeHost: '127.0.0.1:10911',
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      body: noise(length, 5),
      topic: 'orders',
      properties: `KEYS\x01${'ключ '.repeat(60)}\x02UNIQ_KEY\x01ABC\x02`,
    };
    const bytes = Buffer.alloc(length + 2_000);
    const size = encodeRecord(bytes, 0, fields);
    expect(inspectRecord(bytes, 0, size, 0)).toEqual({ kind: 'record', size });
    const step = Math.max(1, Math.floor(size / 500));
    for (let at = 0; at < size; at += step) {
      bytes[at]! ^= 0x10;
      expect([at, inspectRecord(bytes, 0, size, 0).kind]).not.toEqual([at, 'record']);
      bytes[at]! ^= 0x10;
    }
  });
});
