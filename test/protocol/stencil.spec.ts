import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SeededRandom } from '../../lib/platform/index.js';
import {
  AlikeBatch,
  BodyRow,
  encodeRecord,
  hex16,
  inspectRecord,
  joinedProperties,
  RecordStencil,
} from '../../lib/protocol/index.js';
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
  topic: fc.nat({ max: 2 }),
  records: fc.array(one, { maxLength: 5 }),
});

describe('a stencil', () => {
  it('writes the very bytes of the record, also behind others with other topics, times, hosts and ids', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-zA-Z0-9_-]{1,127}$/),
        fc.constantFrom(REST, '\x02'),
        fc.array(run),
        (name, rest, runs) => {
          const topics = [name, name.toLowerCase(), `${name.slice(1)}%`];
          const stencil = new RecordStencil(name.length, BEGIN, rest, STORE);
          for (const { time, topic: place, bornTimestamp, bornHost, storeTimestamp, records } of runs) {
            const topic = topics[place]!;
            const idBegin = BEGIN.slice(4) + hex16(time);
            expect(stencil.begin(topic, idBegin, bornTimestamp, bornHost, storeTimestamp)).toBe(true);
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

  function writesAlike(
    bodies: readonly Uint8Array[],
    firstIdEnd: number,
    queueOffset: number,
    from: number,
    at = 0,
  ): void {
    const room = bodies.reduce((sum, { length }) => sum + length, 0);
    const row = new BodyRow(room, bodies.length);
    for (const each of bodies) row.add(each);
    const batch = new AlikeBatch(BEGIN, firstIdEnd, REST, row);
    const stencil = new RecordStencil('orders'.length, BEGIN, REST, STORE);
    stencil.begin('orders', BEGIN, 1, '1.2.3.4:5', 2);
    const bytes = Buffer.alloc(at + room + bodies.length * stencil.overhead + 9, '.');
    const wanted = Buffer.from(bytes);
    const under = (buffer: Buffer): DataView => new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    // Twice: the second time with what is known of the first.
    for (let time = 0; time < 2; time++) {
      let to = at;
      bodies.forEach((each, place) => {
        const [physicalOffset, idEnd] = [from + to - at, batch.idEnd(place)];
        to += stencil.write(
          wanted,
          under(wanted),
          to,
          Buffer.from(each),
          3,
          queueOffset + place,
          physicalOffset,
          idEnd,
        );
      });
      expect(stencil.writeAlike(bytes, under(bytes), at, batch, 3, queueOffset, from)).toBe(to - at);
      expect(bytes.equals(wanted)).toBe(true);
      bytes.fill('.', at, to);
    }
  }

  it('writes the bodies of a batch as it would write each of them', () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 90 }),
      fc.uint8Array({ minLength: 21, maxLength: 21 }),
      fc.uint8Array({ minLength: 380, maxLength: 420 }),
    );
    const begin = offset.map((number) => Math.floor(number / 2));
    const bodies = fc.array(body, { minLength: 1, maxLength: 9 });
    fc.assert(fc.property(bodies, id16, begin, begin, fc.nat({ max: 9 }), writesAlike));
  });

  it('writes many bodies of one length like that, also where offsets get beyond 32 bits', () => {
    const random = new SeededRandom(5);
    const bodies = Array.from({ length: 300 }, (_, place) =>
      Uint8Array.from({ length: place < 200 ? 21 : 40 + (place % 2) }, () => random.below(256)),
    );
    for (const [queueOffset, from] of [
      [0, 0],
      [7, 5e9],
      [2 ** 32 - 100, 2 ** 32 - 9000],
      [2 ** 33 + 1, 2 ** 40 - 50_000],
    ] as const)
      writesAlike(bodies, 0xfff0, queueOffset, from);
  });

  it.each([
    ['an id of another length', 'orders', `${BEGIN}00`, 'in-process'],
    ['a topic of another length', 'order', BEGIN, 'in-process'],
    ['a topic beyond ASCII', 'orderß', BEGIN, 'in-process'],
    ['a born host with an IPv6 address', 'orders', BEGIN, '[::1]:1'],
  ])('is not for %s, and writes what follows as before', (_, topic, idBegin, bornHost) => {
    const stencil = new RecordStencil('orders'.length, BEGIN, REST, STORE);
    const written = (): Buffer => {
      expect(stencil.begin('orders', BEGIN, 1, '1.2.3.4:5', 2)).toBe(true);
      const bytes = Buffer.alloc(stencil.overhead + 1);
      stencil.write(bytes, new DataView(bytes.buffer, bytes.byteOffset), 0, Buffer.from('x'), 0, 7, 8, 9);
      return bytes;
    };
    const before = written();
    expect(stencil.begin(topic, idBegin, 3, bornHost, 4)).toBe(false);
    expect(written().equals(before)).toBe(true);
  });

  it.each([
    ['a topic with a length of two bytes', 128, REST, STORE],
    ['a tag beyond ASCII', 6, '\x02TAGS\x01ж\x02', STORE],
    ['a long rest', 6, `\x02TAGS\x01${'x'.repeat(1024)}\x02`, STORE],
    ['a store host with an IPv6 address', 6, REST, '[::1]:10911'],
  ])('does not fit %s', (_, topicLength, rest, storeHost) => {
    expect(RecordStencil.fits(topicLength, rest, storeHost)).toBe(false);
    expect(RecordStencil.fits(6, REST, STORE)).toBe(true);
  });
});
