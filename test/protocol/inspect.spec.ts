import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeBlank, inspectRecord } from '../../lib/protocol/index.js';
import { recordOf } from './messages.js';
import { vectors } from './vectors.js';

const golden = vectors('records');

describe('inspectRecord', () => {
  it('knows the records that RocketMQ writes with a CRC of the whole', () => {
    for (const vector of golden.records) {
      const bytes = Buffer.from(vector.hex, 'hex');
      const seen = inspectRecord(bytes, 0, bytes.length, vector.physicalOffset);
      expect([vector.name, seen]).toEqual([
        vector.name,
        vector.crc ? { kind: 'record', size: bytes.length } : { kind: 'invalid', why: 'it has no CRC of its own' },
      ]);
    }
  });

  it('catches every changed bit', () => {
    const bytes = recordOf();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect([bit, inspectRecord(damaged, 0, damaged.length, 4096).kind]).not.toEqual([bit, 'record']);
    }
  });

  it('says that bytes are missing when they end before the record does', () => {
    const bytes = recordOf();
    for (let end = 0; end < bytes.length; end++) {
      expect(inspectRecord(bytes, 0, end, 4096)).toEqual({ kind: 'short' });
    }
    expect(inspectRecord(bytes, 0, bytes.length, 4096)).toEqual({ kind: 'record', size: bytes.length });
  });

  it('takes a record only at the offset that it names', () => {
    const bytes = recordOf();
    expect(inspectRecord(bytes, 0, bytes.length, 8192).kind).toBe('invalid');
  });

  it('does not wait for the rest of a record whose size is none', () => {
    const bytes = recordOf();
    bytes.writeInt32BE(0x0800_0000, 0);
    expect(inspectRecord(bytes, 0, bytes.length, 4096).kind).toBe('invalid');
    bytes.writeInt32BE(-5, 0);
    expect(inspectRecord(bytes, 0, bytes.length, 4096).kind).toBe('invalid');
    expect(inspectRecord(Buffer.alloc(200), 0, 200, 0).kind).toBe('invalid');
  });

  it('reads the blank at the end of a segment, as RocketMQ writes it', () => {
    const { hex, remaining } = golden.blank;
    const bytes = Buffer.alloc(8);
    encodeBlank(bytes, 0, remaining);
    expect(bytes.toString('hex')).toBe(hex);
    expect(inspectRecord(bytes, 0, 8, 0)).toEqual({ kind: 'blank', size: remaining });
    encodeBlank(bytes, 0, 7);
    expect(inspectRecord(bytes, 0, 8, 0).kind).toBe('invalid');
  });

  it('never throws and never finds a record in random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.boolean(), (random, at, magic) => {
        const bytes = Buffer.from(random);
        if (magic && bytes.length >= at + 8) {
          bytes.writeInt32BE(0xdaa320a7 | 0, at + 4);
          bytes.writeInt32BE(bytes.length - at, at);
        }
        expect(inspectRecord(bytes, at, bytes.length, 0).kind).not.toBe('record');
      }),
      { numRuns: 300 },
    );
  });
});
