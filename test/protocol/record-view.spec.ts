import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeRecord, isStoredRecord, type MessageRecord, RecordView } from '../../lib/protocol/index.js';
import { anyFields, codeOf, recordOf } from './messages.js';
import { vectors } from './vectors.js';

const golden = vectors('records');

function read(record: MessageRecord): MessageRecord {
  const { size, bodyCrc, queueId, flag, queueOffset, physicalOffset, sysFlag, bornTimestamp, bornHost } = record;
  const { storeTimestamp, storeHost, reconsumeTimes, preparedTransactionOffset, body, topic, properties } = record;
  return {
    size,
    bodyCrc,
    queueId,
    flag,
    queueOffset,
    physicalOffset,
    sysFlag,
    bornTimestamp,
    bornHost,
    storeTimestamp,
    storeHost,
    reconsumeTimes,
    preparedTransactionOffset,
    body,
    topic,
    properties,
  };
}

describe('a view of a record', () => {
  it('says what taking the record apart says, of all that RocketMQ writes', () => {
    for (const { hex } of golden.records) {
      const bytes = Buffer.concat([Buffer.alloc(3, 1), Buffer.from(hex, 'hex'), Buffer.alloc(5, 2)]);
      expect(read(new RecordView(bytes, 3))).toEqual(decodeRecord(bytes, 3));
    }
  });

  it('says so of any record, with hosts of either kind', () => {
    fc.assert(
      fc.property(anyFields, (record) => {
        const bytes = recordOf(record);
        expect(read(new RecordView(bytes, 0))).toEqual(decodeRecord(bytes));
      }),
    );
  });

  it('is refused where no record begins', () => {
    const bytes = recordOf();
    expect(codeOf(() => new RecordView(bytes, 1))).toBe('RECORD_INVALID');
    expect(codeOf(() => new RecordView(bytes.subarray(0, bytes.length - 1), 0))).toBe('RECORD_INVALID');
    expect(codeOf(() => new RecordView(Buffer.alloc(0), 0))).toBe('RECORD_INVALID');
  });
});

describe('isStoredRecord', () => {
  const bytes = Buffer.concat([Buffer.alloc(7), recordOf({ physicalOffset: 4096 }), Buffer.alloc(7)]);
  const size = bytes.length - 14;

  it('knows the record of this size and offset', () => {
    expect(isStoredRecord(bytes, 7, size, 4096)).toBe(true);
    expect(isStoredRecord(bytes, 7, size, 4097)).toBe(false);
    expect(isStoredRecord(bytes, 7, size - 1, 4096)).toBe(false);
    expect(isStoredRecord(bytes, 7, size + 1, 4096)).toBe(false);
    expect(isStoredRecord(bytes, 8, size, 4096)).toBe(false);
    expect(isStoredRecord(Buffer.alloc(size), 0, size, 0)).toBe(false);
  });

  it('catches every changed bit', () => {
    for (let bit = 7 * 8; bit < (7 + size) * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect([bit, isStoredRecord(damaged, 7, size, 4096)]).toEqual([bit, false]);
    }
  });
});
