import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodePackAnswer,
  decodeSendPack,
  encodePackAnswer,
  encodeSendPack,
  joinedProperties,
  MOST_IN_PACK,
  type SendPackHeader,
  topicsOfPack,
} from '../../lib/protocol/index.js';
import { PACK, PACK_ANSWER } from '../fuzz/samples.js';
import { codeOf, plainText } from './messages.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

function packOf(topics: string[], messages: readonly (readonly [number, number, number, number, string, Buffer])[]) {
  return {
    producerGroup: 'grüße',
    defaultTopic: 'TBW102',
    defaultTopicQueueNums: 4,
    topics,
    topicOf: messages.map((message) => message[0] % topics.length),
    queueIds: messages.map((message) => message[1]),
    sysFlags: messages.map((message) => message[2]),
    bornTimestamps: messages.map((message) => 1_767_225_600_000 + message[3]),
    properties: messages.map((message) => message[4]),
    bodies: messages.map((message) => message[5]),
  } satisfies SendPackHeader;
}

describe('packs', () => {
  it('give back what was put in, and their topics by themselves', () => {
    const message = fc.tuple(
      fc.nat(100),
      int32,
      int32,
      fc.integer({ min: -1e9, max: 1e9 }),
      fc.oneof(fc.constant(''), plainText, fc.constant('é'.repeat(40))),
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    );
    const topics = fc.array(fc.constantFrom('orders', 't'.repeat(127), 'a%b'), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(topics, fc.array(message, { maxLength: 6 }), (names, messages) => {
        const pack = packOf(names, messages);
        const bytes = encodeSendPack(pack);
        expect(decodeSendPack(bytes)).toMatchObject(pack);
        expect(topicsOfPack(bytes)).toEqual(names);
      }),
      { numRuns: 100 },
    );
  });

  it('tell properties in parts where they are those of the first message but for the id', () => {
    const id = (time: string, end: string) => `UNIQ_KEY\x010A01020305D92A3B4C5D${time}${end}`;
    const rest = '\x02WAIT\x01true\x02';
    const texts = [
      `${id('00000001', '00FF')}${rest}`,
      `${id('00000001', '0100')}${rest}`,
      `${id('00000002', 'ABCD')}${rest}`,
      `${id('00000002', 'ABCE')}${rest}TAGS\x01t\x02`,
      `${id('00000002', 'abcf')}${rest}`,
      `${id('0000000\x02', '0001')}${rest}`,
      `TAGS\x01t\x02`,
      '',
      `${id('00000002', '0002')}${rest}`,
    ];
    const pack = packOf(
      ['t'],
      texts.map((text) => [0, 0, 0, 0, text, Buffer.alloc(1)] as const),
    );
    // Twice, as what was learned stays; after others, whose rest is another one.
    for (const others of [[], ['', `${id('00000003', '0001')}\x02ключ\x01x\x02`], [`${id('00000003', '0001')}\x02`]]) {
      decodeSendPack(
        encodeSendPack(
          packOf(
            ['t'],
            others.map((text) => [0, 0, 0, 0, text, Buffer.alloc(1)] as const),
          ),
        ),
      );
      const { parts, properties } = decodeSendPack(encodeSendPack(pack));
      expect(properties).toEqual(texts);
      expect(parts!.map((each) => each !== undefined)).toEqual([
        true,
        true,
        true,
        false,
        false,
        false,
        false,
        false,
        true,
      ]);
      for (const [at, each] of parts!.entries())
        if (each !== undefined) expect(joinedProperties(each.idBegin, each.idEnd, each.rest!)).toBe(texts[at]);
    }
  });

  it('write properties in parts as they write the same ones as a text', () => {
    const part = fc.record({
      idBegin: fc.constantFrom('0A01020305D92A3B4C5D00000001', '0A01020305D92A3B4C5D00000002', 'ü'),
      idEnd: fc.oneof(fc.constantFrom(0, 0x9f, 0xffff), fc.nat(0xffff)),
      rest: fc.option(fc.constantFrom('', '\x02', '\x02TAGS\x01größer\x02', '\x02TAGS\x01a\x02'), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const properties = parts.map(({ idBegin, idEnd, rest }) =>
          rest === undefined ? 'A\x01b\x02' : joinedProperties(idBegin, idEnd, rest),
        );
        const pack = packOf(
          ['t'],
          properties.map((text) => [0, 0, 0, 0, text, Buffer.alloc(1)] as const),
        );
        expect(encodeSendPack({ ...pack, parts })).toEqual(encodeSendPack(pack));
      }),
    );
  });

  it('are read in place: bodies are views of the frame', () => {
    const bytes = encodeSendPack(PACK);
    for (const body of decodeSendPack(bytes).bodies) expect(body.buffer).toBe(bytes.buffer);
  });

  it('refuse what has no place in them', () => {
    const message = (properties: string, after = 0) => [0, 0, 0, after, properties, Buffer.alloc(1)] as const;
    expect(codeOf(() => encodeSendPack(packOf(['t'], [message('x'.repeat(32_768))])))).toBe('PROPERTIES_INVALID');
    const parts = [{ idBegin: '', idEnd: 0, rest: 'x'.repeat(32_768) }];
    expect(codeOf(() => encodeSendPack({ ...packOf(['t'], [message('')]), parts }))).toBe('PROPERTIES_INVALID');
    expect(codeOf(() => encodeSendPack(packOf(['t'], [message(''), message('', 2 ** 31)])))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => encodeSendPack(packOf(['t'.repeat(65_536)], [message('')])))).toBe('BAD_ARGUMENT');
    const many = Array.from({ length: MOST_IN_PACK + 1 }, () => message(''));
    expect(codeOf(() => encodeSendPack(packOf(['t'], many)))).toBe('BAD_ARGUMENT');
    const full = encodeSendPack(packOf(['t'], many.slice(1)));
    expect(decodeSendPack(full).bodies).toHaveLength(MOST_IN_PACK);
    // The count stands behind the texts: born, queues, group, default topic, one topic.
    const at = 12 + 2 + Buffer.byteLength('grüße') + 2 + 6 + 2 + 2 + 1;
    expect(full.readUInt16BE(at)).toBe(MOST_IN_PACK);
    full.writeUInt16BE(MOST_IN_PACK + 1, at);
    expect(codeOf(() => decodeSendPack(Buffer.concat([full, full.subarray(-21)])))).toBe('BAD_ARGUMENT');
  });

  it('that are cut off, too long or name a topic that is none of theirs are no packs', () => {
    const bytes = encodeSendPack(PACK);
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => decodeSendPack(bytes.subarray(0, length)))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => decodeSendPack(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe('BAD_ARGUMENT');
    const wrong = encodeSendPack({ ...PACK, topicOf: [0, 2, 0] });
    expect(codeOf(() => decodeSendPack(wrong))).toBe('BAD_ARGUMENT');
    expect(topicsOfPack(wrong)).toEqual(PACK.topics);
  });
});

describe('answers to packs', () => {
  it('give back what was put in', () => {
    expect(decodePackAnswer(encodePackAnswer(PACK_ANSWER))).toEqual(PACK_ANSWER);
    const fine = { ...PACK_ANSWER, codes: [0, 0, 0, 0], remarks: undefined };
    expect(decodePackAnswer(encodePackAnswer(fine))).toEqual(fine);
  });

  it('that are cut off, too long, or say that a stored message was refused are none', () => {
    const bytes = encodePackAnswer(PACK_ANSWER);
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => decodePackAnswer(bytes.subarray(0, length)))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => decodePackAnswer(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe('BAD_ARGUMENT');
    const odd = encodePackAnswer({ ...PACK_ANSWER, codes: [0, 0, 0, 2] });
    expect(codeOf(() => decodePackAnswer(odd))).toBe('BAD_ARGUMENT');
  });
});
