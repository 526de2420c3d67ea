import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  SysFlag,
  decodeBatchBody,
  decodeRecord,
  decodeRecords,
  encodeRecord,
  encodeOffsetMessageId,
  recordBody,
  recordBornHost,
  recordBornTimestamp,
  recordFlag,
  recordPhysicalOffset,
  recordPreparedTransactionOffset,
  recordProperties,
  recordQueueId,
  recordQueueOffset,
  recordReconsumeTimes,
  recordSize,
  recordSizeOf,
  recordStoreHost,
  recordStoreTimestamp,
  recordSysFlag,
  recordTopic,
  recordTotalSize,
} from '../../lib/protocol/index.js';
import { anyFields, codeOf, fields, recordOf } from './messages.js';
import { vectors } from './vectors.js';
import type { RecordVector } from './vectors.js';

const golden = vectors('records');

function fromVector(vector: RecordVector) {
  return fields({ ...vector, body: Buffer.from(vector.body, 'hex') });
}

describe('the records that RocketMQ stores', () => {
  it.each(golden.records.filter((vector) => vector.crc))('$name: our encoder makes the same bytes', (vector) => {
    expect(recordOf(fromVector(vector)).toString('hex')).toBe(vector.hex);
  });

  it.each(golden.records)('$name: our decoder reads the same fields', (vector) => {
    const record = decodeRecord(Buffer.from(vector.hex, 'hex'));
    const { name: _, crc, hex: _hex, offsetMessageId, properties, body, ...rest } = vector;
    expect({ ...record, body: record.body.toString('hex') }).toEqual({
      ...rest,
      body,
      // With a CRC behind it the properties string had to be closed.
      properties: crc && properties !== '' && !properties.endsWith('\x02') ? `${properties}\x02` : properties,
    });
    expect(encodeOffsetMessageId(record.storeHost, record.physicalOffset)).toBe(offsetMessageId);
  });

  it('are made of a batch one for each item, as RocketMQ does it', () => {
    const { batch } = golden;
    let physicalOffset = batch.physicalOffset;
    const records = decodeBatchBody(Buffer.from(batch.hex, 'hex')).map((item, i) => {
      const record = recordOf({
        ...item,
        topic: batch.topic,
        queueId: batch.queueId,
        queueOffset: batch.queueOffset + i,
        physicalOffset,
        bornTimestamp: batch.bornTimestamp,
        storeTimestamp: batch.storeTimestamp,
        bornHost: batch.host,
        storeHost: batch.host,
      });
      physicalOffset += record.length;
      return record;
    });
    expect(Buffer.concat(records).toString('hex')).toBe(batch.records);
    expect(decodeRecords(Buffer.from(batch.records, 'hex'))).toHaveLength(batch.items.length);
  });
});

describe('encodeRecord', () => {
  it('gives back what was put in, at any place of a larger buffer', () => {
    fc.assert(
      fc.property(anyFields, fc.integer({ min: 0, max: 64 }), (message, at) => {
        const size = recordSizeOf(message);
        const target = Buffer.alloc(at + size + 8, 0xee);
        expect(encodeRecord(target, at, message)).toBe(size);
        expect(target.subarray(0, at).every((byte) => byte === 0xee)).toBe(true);
        expect(target.subarray(at + size).every((byte) => byte === 0xee)).toBe(true);
        const { bodyCrc: _, size: decodedSize, sysFlag, ...rest } = decodeRecord(target, at);
        const { sysFlag: given, ...want } = message;
        expect(rest).toEqual(want);
        expect(decodedSize).toBe(size);
        expect(sysFlag & ~0x30).toBe(given & ~0x30);
      }),
      { numRuns: 200 },
    );
  });

  it('has each field where the single readers look for it', () => {
    fc.assert(
      fc.property(anyFields, (message) => {
        const bytes = Buffer.concat([Buffer.alloc(3), recordOf(message)]);
        const read = {
          queueId: recordQueueId(bytes, 3),
          flag: recordFlag(bytes, 3),
          queueOffset: recordQueueOffset(bytes, 3),
          physicalOffset: recordPhysicalOffset(bytes, 3),
          bornTimestamp: recordBornTimestamp(bytes, 3),
          bornHost: recordBornHost(bytes, 3),
          storeTimestamp: recordStoreTimestamp(bytes, 3),
          storeHost: recordStoreHost(bytes, 3),
          reconsumeTimes: recordReconsumeTimes(bytes, 3),
          preparedTransactionOffset: recordPreparedTransactionOffset(bytes, 3),
          body: recordBody(bytes, 3),
          topic: recordTopic(bytes, 3),
          properties: recordProperties(bytes, 3),
        };
        const { sysFlag: _, ...want } = message;
        expect(read).toEqual(want);
        expect(recordTotalSize(bytes, 3)).toBe(bytes.length - 3);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps nothing of the body that was handed in', () => {
    const body = Buffer.from('before');
    const record = recordOf({ body });
    body.fill(0);
    expect(decodeRecord(record).body.toString()).toBe('before');
  });

  it('sets the address bits from the hosts, whatever the caller said', () => {
    const wrong = SysFlag.BORN_HOST_V6 | SysFlag.STORE_HOST_V6 | SysFlag.COMPRESSED;
    expect(recordSysFlag(recordOf({ sysFlag: wrong }), 0)).toBe(SysFlag.COMPRESSED);
    expect(recordSysFlag(recordOf({ sysFlag: 0, storeHost: '[::1]:1' }), 0)).toBe(SysFlag.STORE_HOST_V6);
  });

  it('takes an IPv4 address in IPv6 clothes, and no address at all in process, as IPv4', () => {
    expect(decodeRecord(recordOf({ bornHost: '[::ffff:10.0.0.1]:7' })).bornHost).toBe('10.0.0.1:7');
    expect(decodeRecord(recordOf({ bornHost: 'in-process' })).bornHost).toBe('127.0.0.1:0');
  });

  it('takes as many bytes as recordSize says', () => {
    const message = fields({ topic: 't'.repeat(200) });
    const size = recordSize(message.body.length, 200, Buffer.byteLength(message.properties), 0);
    expect(recordOf(message)).toHaveLength(size);
  });

  it('refuses what does not fit', () => {
    const message = fields();
    expect(codeOf(() => encodeRecord(Buffer.alloc(recordSizeOf(message) - 1), 0, message))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => recordOf({ topic: 't'.repeat(256) }))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => recordOf({ bornHost: 'localhost:1' }))).toBe('BAD_ARGUMENT');
    const longest = `n\x01${'v'.repeat(32_767 - 20 - 3)}\x02`;
    expect(decodeRecord(recordOf({ properties: longest })).properties).toBe(longest);
    expect(codeOf(() => recordOf({ properties: `n${longest}` }))).toBe('PROPERTIES_INVALID');
  });
});

describe('decodeRecord', () => {
  it('gives views of the bytes', () => {
    const bytes = recordOf();
    const { body } = decodeRecord(bytes);
    expect(body.buffer).toBe(bytes.buffer);
  });

  it('answers any damage with the typed error or a record within bounds', () => {
    const bytes = Buffer.from(recordOf({ storeHost: '[::1]:1' }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(bytes.length),
        (damage, length) => {
          const hostile = Buffer.from(bytes.subarray(0, length));
          damage.forEach(([at, value]) => (hostile[Math.min(at, length)] = value));
          const code = codeOf(() => {
            for (const record of decodeRecords(hostile)) {
              expect(record.size).toBeGreaterThan(0);
            }
          });
          expect([undefined, 'RECORD_INVALID']).toContain(code);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('answers random bytes with the typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        expect(codeOf(() => decodeRecords(Buffer.from(bytes)))).toBe('RECORD_INVALID');
      }),
      { numRuns: 200 },
    );
  });

  it('refuses lengths that would lead outside', () => {
    const damage: [string, (bytes: Buffer) => void][] = [
      ['negative size', (bytes) => bytes.writeInt32BE(-1, 0)],
      ['zero size', (bytes) => bytes.writeInt32BE(0, 0)],
      ['huge size', (bytes) => bytes.writeInt32BE(0x7fffffff, 0)],
      ['negative body', (bytes) => bytes.writeInt32BE(-1, 84)],
      ['huge body', (bytes) => bytes.writeInt32BE(0x7fffffff, 84)],
      ['negative topic', (bytes) => bytes.writeInt8(-1, 88 + 5)],
      ['negative properties', (bytes) => bytes.writeInt16BE(-1, 88 + 5 + 1 + 6)],
      ['blank', (bytes) => bytes.writeInt32BE(0xcbd43194 | 0, 4)],
    ];
    for (const [what, act] of damage) {
      const bytes = recordOf();
      act(bytes);
      expect([what, codeOf(() => decodeRecord(bytes))]).toEqual([what, 'RECORD_INVALID']);
    }
  });
});
