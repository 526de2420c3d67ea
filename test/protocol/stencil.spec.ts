import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeRecord, hex16, inspectRecord, joinedProperties, RecordStencil } from '../../lib/protocol/index.js';
import { fields } from './messages.js';

const STORE = '10.1.2.3:10911';
const REST = '\x02WAIT\x01true\x02NESTMQ_CONTENT_TYPE\x01json\x02TAGS\x01paid\x02';
const BEGIN = '0A01020305D92A3B4C5D00112233';

const id16 = fc.integer({ min: 0, max: 0xffff });
const offset = fc.oneof(fc.nat(), fc.maxSafeNat());
const one = fc.record({
  body: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  queueId: fc.nat({ max: 100_000 }),
  queueOffset: offset,
  physicalOffset: offset,
  idEnd: id16,
  at: fc.nat({ max: 9 }),
});
const run = fc.record({
  bornTimestamp: fc.integer({ min: 0, max: 4e12 }),
  bornHost: fc.constantFrom('in-process', '192.168.7.9:54321'),
  storeTimestamp: fc.integer({ min: 0, max: 4e12 }),
  time: id16,
  records: fc.array(one, { maxLength: 5 }),
});

describe('a stencil', () => {
  it('writes the very bytes of the record, also behind others with other times, hosts and ids', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-zA-Z0-9_-]{1,127}$/),
        fc.constantFrom(REST, '\x02'),
        fc.array(run),
        (topic, rest, runs) => {
          const stencil = new RecordStencil(topic, BEGIN, rest, STORE, 'in-process');
          for (const { time, bornTimestamp, bornHost, storeTimestamp, records } of runs) {
            const idBegin = BEGIN.slice(4) + hex16(time);
            expect(stencil.begin(idBegin, bornTimestamp, bornHost, storeTimestamp)).toBe(true);
            for (const { at, body, idEnd, ...numbers } of records) {
              const properties = joinedProperties(idBegin, idEnd, rest);
              const wanted = Buffer.alloc(at + stencil.overhead + body.length, '.');
              const times = { bornTimestamp, bornHost, storeTimestamp, storeHost: STORE };
              const size = encodeRecord(wanted, at, fields({ ...numbers, ...times, flag: 0, topic, body, properties }));
              const bytes = Buffer.alloc(wanted.length, '.');
              const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
              const { queueId, queueOffset, physicalOffset } = numbers;
              expect(stencil.write(bytes, view, at, body, queueId, queueOffset, physicalOffset, idEnd)).toBe(size);
              expect(bytes.equals(wanted)).toBe(true);
              expect(inspectRecord(bytes, at, bytes.length, physicalOffset)).toEqual({ kind: 'record', size });
            }
          }
        },
      ),
    );
  });

  it('is not for an id of another length', () => {
    const stencil = new RecordStencil('orders', BEGIN, REST, STORE, 'in-process');
    expect(stencil.begin(`${BEGIN}00`, 1, 'in-process', 1)).toBe(false);
  });

  it.each([
    ['a topic beyond ASCII', 'заказы', REST, STORE, 'in-process'],
    ['a topic with a length of two bytes', 'x'.repeat(128), REST, STORE, 'in-process'],
    ['a tag beyond ASCII', 'orders', '\x02TAGS\x01ж\x02', STORE, 'in-process'],
    ['a long rest', 'orders', `\x02TAGS\x01${'x'.repeat(1024)}\x02`, STORE, 'in-process'],
    ['a store host with an IPv6 address', 'orders', REST, '[::1]:10911', 'in-process'],
    ['a born host with an IPv6 address', 'orders', REST, STORE, '[::1]:1'],
  ])('does not fit %s', (_, topic, rest, storeHost, bornHost) => {
    expect(RecordStencil.fits(topic, rest, storeHost, bornHost)).toBe(false);
    expect(RecordStencil.fits('orders', REST, STORE, 'in-process')).toBe(true);
  });
});
