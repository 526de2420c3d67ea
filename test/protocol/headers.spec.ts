import { describe, expect, it } from '@jest/globals';
import {
  RequestCode,
  ResponseCode,
  decodeResponseHeader,
  encodeResponseHeader,
  requestCodeName,
  requestHeaderSchema,
  responseCodeName,
  responseHeaderSchema,
} from '../../lib/protocol/index.js';
import type { ConsumerSendMsgBackRequestHeader, SendMessageRequestHeader } from '../../lib/protocol/index.js';
import { codeOf } from './messages.js';
import { vectors } from './vectors.js';

const frames = vectors('frames').filter(({ name }) => name.endsWith('-binary'));
const requests = frames.filter(({ flag }) => (flag & 1) === 0);
const responses = frames.filter(({ flag }) => (flag & 1) === 1);
/** What Java clients say beyond our headers, always with its default. */
const NOT_OURS = ['committed', 'lo', 'unitMode', 'force', 'order', 'compressed', 'enableActingMaster', 'bodyCrc32'];

function written(write: (put: (name: string, value: string) => void) => void): Record<string, string> {
  const fields = new Map<string, string>();
  write((name, value) => fields.set(name, value));
  return Object.fromEntries(fields);
}

function minimal(extra: Record<string, string> = {}): Map<string, string> {
  const send = { a: 'g', b: 't', c: 'TBW102', d: '4', e: '0', f: '0', g: '0', h: '0' };
  return new Map(Object.entries({ ...send, ...extra }));
}

const sendV2 = requestHeaderSchema(RequestCode.SEND_MESSAGE_V2);

describe('request headers', () => {
  it.each(requests)(
    '$name: reads the fields of a Java client and writes the same ones',
    ({ requestCode, extFields }) => {
      const schema = requestHeaderSchema(requestCode);
      const header = schema.fromFields(new Map(Object.entries(extFields)));
      const fields = written((put) => schema.toFields(header, put));
      for (const [name, value] of Object.entries({ ...extFields, ...fields })) {
        if (fields[name] === undefined || extFields[name] === undefined) {
          expect(NOT_OURS).toContain(name);
        } else {
          expect([name, fields[name]]).toEqual([name, value]);
        }
      }
    },
  );

  it('decode the full and the short names of a send to the same header', () => {
    const [v1, v2] = ['send-v1-binary', 'send-v2-binary'].map((name) => frames.find((frame) => frame.name === name)!);
    const read = (frame: typeof v1) =>
      requestHeaderSchema(frame!.requestCode).fromFields(new Map(Object.entries(frame!.extFields)));
    expect(read(v1)).toEqual(read(v2));
    expect((read(v2) as SendMessageRequestHeader).topic).toBe('orders');
  });

  it('leave absent optional fields out, and give them back as undefined', () => {
    const header = sendV2.fromFields(minimal()) as SendMessageRequestHeader;
    expect(header.properties).toBeUndefined();
    expect(header.batch).toBeUndefined();
    expect(Object.keys(written((put) => sendV2.toFields(header, put))).join('')).toBe('abcdefgh');
  });

  it('refuse what is missing and what is no number of its range', () => {
    for (const name of 'abcdefgh') {
      const fields = minimal();
      fields.delete(name);
      expect([name, codeOf(() => sendV2.fromFields(fields))]).toEqual([name, 'BAD_ARGUMENT']);
    }
    for (const number of [
      '',
      ' ',
      '-',
      'x',
      '1.5',
      '1e3',
      '0x1',
      '2147483648',
      '-2147483649',
      '9'.repeat(30),
      ' 1',
      '1 ',
    ]) {
      expect([number, codeOf(() => sendV2.fromFields(minimal({ e: number })))]).toEqual([number, 'BAD_ARGUMENT']);
    }
    for (const number of ['', 'x', '1.5', '9'.repeat(30)]) {
      expect([number, codeOf(() => sendV2.fromFields(minimal({ g: number })))]).toEqual([number, 'BAD_ARGUMENT']);
    }
    expect(codeOf(() => requestHeaderSchema(RequestCode.GET_MAX_OFFSET).fromFields(new Map()))).toBe('BAD_ARGUMENT');
  });

  it('take Java’s bounds of int and long', () => {
    const header = sendV2.fromFields(minimal({ e: '-2147483648', d: '2147483647', g: '9223372036854775807' }));
    expect(header).toMatchObject({
      queueId: -(2 ** 31),
      defaultTopicQueueNums: 2 ** 31 - 1,
      bornTimestamp: Number.MAX_SAFE_INTEGER,
    });
  });

  it('carry the extensions of a send-back under their prefix', () => {
    const schema = requestHeaderSchema(RequestCode.CONSUMER_SEND_MSG_BACK);
    const header: ConsumerSendMsgBackRequestHeader = {
      offset: 1,
      group: 'g',
      delayLevel: 0,
      retryDelayMs: 1500,
      reason: '{}',
    };
    const fields = written((put) => schema.toFields(header, put));
    expect(fields).toEqual({
      offset: '1',
      group: 'g',
      delayLevel: '0',
      NESTMQ_RETRY_DELAY_MS: '1500',
      NESTMQ_REASON: '{}',
    });
    expect(schema.fromFields(new Map(Object.entries(fields)))).toMatchObject(header);
  });

  it('are empty for codes that are not known', () => {
    expect(requestHeaderSchema(9999).fromFields(new Map([['x', 'y']]))).toEqual({});
    expect(written((put) => requestHeaderSchema(9999).toFields({ x: 1 }, put))).toEqual({});
  });
});

describe('response headers', () => {
  it.each(responses)('$name: read and written as Java does', ({ requestCode, code, extFields }) => {
    const header = decodeResponseHeader(requestCode, code, new Map(Object.entries(extFields)));
    expect(written((put) => encodeResponseHeader(requestCode, code, header, put))).toEqual(extFields);
  });

  it('are not expected of errors, but of every answer that has one', () => {
    const none = new Map<string, string>();
    expect(decodeResponseHeader(RequestCode.SEND_MESSAGE_V2, ResponseCode.SYSTEM_ERROR, none)).toEqual({});
    expect(decodeResponseHeader(RequestCode.HEART_BEAT, ResponseCode.SUCCESS, none)).toEqual({});
    for (const code of [ResponseCode.SUCCESS, ResponseCode.PULL_NOT_FOUND, ResponseCode.PULL_OFFSET_MOVED]) {
      expect(codeOf(() => decodeResponseHeader(RequestCode.PULL_MESSAGE, code, none))).toBe('BAD_ARGUMENT');
    }
    expect(codeOf(() => decodeResponseHeader(RequestCode.SEND_MESSAGE, ResponseCode.FLUSH_DISK_TIMEOUT, none))).toBe(
      'BAD_ARGUMENT',
    );
  });

  it('of error answers are written as what they have: nothing', () => {
    for (const code of [RequestCode.SEND_MESSAGE, RequestCode.PULL_MESSAGE, RequestCode.QUERY_CONSUMER_OFFSET]) {
      expect(written((put) => responseHeaderSchema(code).toFields({}, put))).toEqual({});
    }
  });
});

describe('codes', () => {
  it('have names for people', () => {
    expect(responseCodeName(17)).toBe('TOPIC_NOT_EXIST');
    expect(requestCodeName(310)).toBe('SEND_MESSAGE_V2');
    expect(responseCodeName(4711)).toBe('4711');
  });

  it('are each used once', () => {
    for (const codes of [RequestCode, ResponseCode]) {
      expect(new Set(Object.values(codes)).size).toBe(Object.keys(codes).length);
    }
  });
});
