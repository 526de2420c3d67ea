import fc from 'fast-check';
import { encodeRecord, recordSizeOf } from '../../lib/protocol/index.js';
import type { MessagingErrorCode, RecordFields } from '../../lib/protocol/index.js';
import { MessagingError } from '../../lib/protocol/index.js';

export function fields(overrides: Partial<RecordFields> = {}): RecordFields {
  return {
    queueId: 2,
    flag: 5,
    queueOffset: 41,
    physicalOffset: 4096,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_123,
    bornHost: '10.1.2.3:54321',
    storeTimestamp: 1_700_000_000_456,
    storeHost: '127.0.0.1:10911',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from('hello'),
    topic: 'orders',
    properties: 'TAGS\x01created\x02',
    ...overrides,
  };
}

export function recordOf(overrides: Partial<RecordFields> = {}): Buffer {
  const record = fields(overrides);
  const target = Buffer.alloc(recordSizeOf(record));
  encodeRecord(target, 0, record);
  return target;
}

/** The code of the typed error that the action throws; anything else it throws fails the test. */
export function codeOf(action: () => unknown): MessagingErrorCode | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof MessagingError) {
      return error.code;
    }
    throw error;
  }
}

const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const host = fc.constantFrom('1.2.3.4:80', '255.255.255.255:65535', '[::1]:10911', '[2001:db8::7]:1', '0.0.0.0:0');
/** Text that survives UTF-8 and holds none of the separators. */
export const plainText = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((text) => !/[\x01\x02]/.test(text));

/** Any message that a record can hold. */
export const anyFields: fc.Arbitrary<RecordFields> = fc.record({
  queueId: int32,
  flag: int32,
  queueOffset: offset,
  physicalOffset: offset,
  sysFlag: fc.integer({ min: 0, max: 0xfff }),
  bornTimestamp: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  bornHost: host,
  storeTimestamp: offset,
  storeHost: host,
  reconsumeTimes: int32,
  preparedTransactionOffset: offset,
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  topic: fc.stringMatching(/^[%|a-zA-Z0-9_-]{1,255}$/),
  properties: fc
    .array(fc.tuple(plainText, plainText), { maxLength: 6 })
    .map((entries) => entries.map(([name, value]) => `${name}\x01${value}\x02`).join('')),
});
