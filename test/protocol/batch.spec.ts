import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AlikeBatch,
  batchBytes,
  BodyRow,
  createRequest,
  decodeBatchBody,
  encodeBatchBody,
  requestBody,
  RequestCode,
} from '../../lib/protocol/index.js';
import { codeOf, plainText } from './messages.js';
import { vectors } from './vectors.js';

const golden = vectors('records').batch;
const items = golden.items.map((item) => ({ ...item, body: Buffer.from(item.body, 'hex') }));

describe('batch bodies', () => {
  it('are those of RocketMQ, byte for byte', () => {
    expect(encodeBatchBody(items).toString('hex')).toBe(golden.hex);
    expect(decodeBatchBody(Buffer.from(golden.hex, 'hex'))).toEqual(items);
  });

  it('give back what was put in', () => {
    const item = fc.record({
      flag: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      body: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      properties: fc.oneof(fc.constant(''), plainText),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), (batch) => {
        expect(decodeBatchBody(encodeBatchBody(batch))).toEqual(batch);
      }),
      { numRuns: 100 },
    );
  });

  it('are what a request carries on the wire whose header holds the messages', () => {
    const request = createRequest(RequestCode.SEND_BATCH_MESSAGE, { messages: items });
    expect(requestBody(request)!.toString('hex')).toBe(golden.hex);
    const body = Buffer.from('given');
    expect(requestBody({ ...request, body })).toBe(body);
  });

  it('are the same of messages that are alike, and as long as those say', () => {
    const row = new BodyRow(64, 4);
    const texts = ['one', 'another', 'x'];
    for (const text of texts) row.add(Buffer.from(text));
    const rest = '\x02TAGS\x01bezahlt-é\x02';
    const batch = new AlikeBatch('0A01', 0xfffe, rest, row);
    const ids = ['FFFE', 'FFFF', '0000'];
    const wanted = encodeBatchBody(
      texts.map((text, at) => ({ body: Buffer.from(text), properties: `UNIQ_KEY\x010A01${ids[at]}${rest}` })),
    );
    expect(encodeBatchBody(batch).equals(wanted)).toBe(true);
    expect(batchBytes(batch, 10_000)).toBe(wanted.length);
  });

  it('are measured exactly when they may be too long, and never below their length', () => {
    const wide = [...items, { body: Buffer.alloc(7), properties: 'a\x01é漢\x02' }];
    const bytes = encodeBatchBody(wide).length;
    expect(batchBytes(wide, 10_000)).toBeGreaterThanOrEqual(bytes);
    expect(batchBytes(wide, bytes)).toBe(bytes);
    expect(batchBytes(wide, bytes - 1)).toBe(bytes);
  });

  it('refuse properties that no length can tell', () => {
    expect(codeOf(() => encodeBatchBody([{ flag: 0, body: Buffer.alloc(1), properties: 'x'.repeat(32_768) }]))).toBe(
      'PROPERTIES_INVALID',
    );
  });

  it('answer damage with the typed error, or stay within bounds', () => {
    const bytes = Buffer.from(golden.hex, 'hex');
    for (let length = 1; length < bytes.length; length++) {
      expect([undefined, 'BAD_ARGUMENT']).toContain(codeOf(() => decodeBatchBody(bytes.subarray(0, length))));
    }
    for (const [at, value] of [
      [0, -1],
      [0, 0],
      [0, 21],
      [0, 0x7fffffff],
      [16, -1],
      [16, 0x7fffffff],
    ] as const) {
      const hostile = Buffer.from(bytes);
      hostile.writeInt32BE(value, at);
      expect(codeOf(() => decodeBatchBody(hostile))).toBe('BAD_ARGUMENT');
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (random) => {
        expect([undefined, 'BAD_ARGUMENT']).toContain(codeOf(() => decodeBatchBody(Buffer.from(random))));
      }),
      { numRuns: 200 },
    );
  });
});
