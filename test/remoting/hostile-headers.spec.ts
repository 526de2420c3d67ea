import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';
import { createResponse, type RemotingCommand, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { type RequestHandler, TcpServer } from '../../lib/remoting/index.js';
import { MemoryLogger, RawPeer, until } from './support.js';

const JSON_TYPE = 0;
const BINARY_TYPE = 1;

function frame(type: number, header: Buffer | string, body = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.from(header as string);
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + bytes.length + body.length, 0);
  head.writeInt32BE((type << 24) | bytes.length, 4);
  return Buffer.concat([head, bytes, body]);
}

const json = (fields: string, opaque = 7, code = 34): string =>
  `{"code":${code},"flag":0,"language":"JAVA","opaque":${opaque},"version":401${fields === '' ? '' : `,${fields}`}}`;

/** name and value as bytes, each with the length that is claimed for it */
type BinaryField = readonly [nameLength: number, name: string, valueLength: number, value: string];

function binary(
  fields: readonly BinaryField[],
  claimed: { remark?: number; fields?: number; code?: number } = {},
): Buffer {
  const map = Buffer.concat(
    fields.map(([nameLength, name, valueLength, value]) => {
      const lengths = [Buffer.alloc(2), Buffer.alloc(4)];
      lengths[0]!.writeUInt16BE(nameLength & 0xffff);
      lengths[1]!.writeInt32BE(valueLength | 0);
      return Buffer.concat([lengths[0]!, Buffer.from(name), lengths[1]!, Buffer.from(value)]);
    }),
  );
  const fixed = Buffer.alloc(21);
  fixed.writeInt16BE(claimed.code ?? 34, 0);
  fixed.writeInt16BE(401, 3);
  fixed.writeInt32BE(7, 5);
  fixed.writeInt32BE(claimed.remark ?? 0, 13);
  fixed.writeInt32BE(claimed.fields ?? map.length, 17);
  return Buffer.concat([fixed, map]);
}

const field = (name: string, value: string): BinaryField => [
  Buffer.byteLength(name),
  name,
  Buffer.byteLength(value),
  value,
];

describe('a header from a hostile peer', () => {
  const clock = new VirtualClock();
  let server: TcpServer;
  let seen: RemotingCommand[];
  let logger: MemoryLogger;
  const peers: RawPeer[] = [];

  beforeEach(async () => {
    seen = [];
    logger = new MemoryLogger();
    const handler: RequestHandler = (request, _channel, respond) => {
      seen.push(request);
      respond(createResponse(0, {}));
    };
    server = await TcpServer.listen({ port: 0, onChannel: (channel) => channel.onRequest(handler) }, clock, logger);
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.socket.destroy();
    await server.close();
  });

  async function sent(bytes: Buffer): Promise<RawPeer> {
    const peer = await RawPeer.connect(server.address);
    peers.push(peer);
    peer.send(bytes);
    await until(() => peer.closed || peer.answers.length > 0, 'it is answered or cut off');
    return peer;
  }

  const deep = (open: string, shut: string): string => `${open.repeat(100_000)}1${shut.repeat(100_000)}`;

  it.each<[string, Buffer]>([
    ['100,000 nested arrays', frame(JSON_TYPE, json(`"extFields":{"a":${deep('[', ']')}}`))],
    ['100,000 nested objects', frame(JSON_TYPE, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
    ['an array', frame(JSON_TYPE, '[34]')],
    ['null', frame(JSON_TYPE, 'null')],
    ['a number beyond everything as code', frame(JSON_TYPE, '{"code":1e309,"opaque":7}')],
    ['2^53+1 as opaque', frame(JSON_TYPE, '{"code":34,"opaque":9007199254740993}')],
    ['a fraction as code', frame(JSON_TYPE, '{"code":34.5,"opaque":7}')],
    ['NaN', frame(JSON_TYPE, '{"code":NaN,"opaque":7}')],
    ['a text as code', frame(JSON_TYPE, '{"code":"34","opaque":7}')],
    ['no code', frame(JSON_TYPE, '{"opaque":7}')],
    ['a code of the prototype', frame(JSON_TYPE, '{"__proto__":{"code":34},"opaque":7}')],
    ['a list of fields', frame(JSON_TYPE, json('"extFields":["a"]'))],
    ['an object as a field', frame(JSON_TYPE, json('"extFields":{"a":{}}'))],
    ['a byte order mark', frame(JSON_TYPE, `\ufeff${json('')}`)],
    ['bytes behind its JSON', frame(JSON_TYPE, `${json('')}}`)],
    ['half a JSON text', frame(JSON_TYPE, json('').slice(0, -1))],
    ['a binary header of 20 bytes', frame(BINARY_TYPE, binary([]).subarray(0, 20))],
    ['a remark that is longer than the header', frame(BINARY_TYPE, binary([], { remark: 100 }))],
    ['a remark of -1 bytes', frame(BINARY_TYPE, binary([], { remark: -1 }))],
    ['fields that are longer than the header', frame(BINARY_TYPE, binary([field('a', 'b')], { fields: 1000 }))],
    ['fields of -1 bytes', frame(BINARY_TYPE, binary([], { fields: -1 }))],
    ['a field name of 0x8000 bytes', frame(BINARY_TYPE, binary([[0x8000, 'a', 1, 'b']]))],
    ['a field value of -1 bytes', frame(BINARY_TYPE, binary([[1, 'a', -1, 'b']]))],
    ['a field value of 0x7fffffff bytes', frame(BINARY_TYPE, binary([[1, 'a', 0x7fffffff, 'b']]))],
    ['a field that ends behind the others', frame(BINARY_TYPE, binary([field('a', 'b'), [9, 'c', 1, 'd']]))],
  ])('with %s closes its connection and no other', async (_what, bytes) => {
    const good = await RawPeer.connect(server.address);
    peers.push(good);
    const bad = await sent(bytes);
    expect(bad.closed).toBe(true);
    expect(bad.answers).toEqual([]);
    expect(seen).toEqual([]);
    expect(server.counters.invalidFrames).toBe(1);
    good.request(1);
    await until(() => good.answers.length === 1, 'the other one is served');
    expect(({} as { code?: number }).code).toBeUndefined();
  });

  it.each<[string, Buffer, Record<string, string>]>([
    [
      'names of the prototype, as JSON',
      frame(JSON_TYPE, json('"extFields":{"__proto__":"1","constructor":"2","toString":"3","hasOwnProperty":"4"}')),
      { constructor: '2', toString: '3', hasOwnProperty: '4' },
    ],
    [
      'names of the prototype, binary',
      frame(BINARY_TYPE, binary([field('__proto__', '1'), field('constructor', '2')])),
      { constructor: '2' },
    ],
    ['a name twice: the last one counts', frame(BINARY_TYPE, binary([field('a', '1'), field('a', '2')])), { a: '2' }],
    ['a name twice, as JSON', frame(JSON_TYPE, json('"extFields":{"a":"1","a":"2"}')), { a: '2' }],
    ['an empty name and value', frame(BINARY_TYPE, binary([field('', '')])), { '': '' }],
    ['half a surrogate', frame(JSON_TYPE, json('"extFields":{"a":"\\ud800"}')), { a: '\ud800' }],
    [
      'bytes that are no UTF-8',
      frame(JSON_TYPE, Buffer.from(json('"extFields":{"a":"\u00ff"}'), 'latin1')),
      { a: '\ufffd' },
    ],
    ['null as a field', frame(JSON_TYPE, json('"extFields":{"a":null,"b":"1"}')), { b: '1' }],
    [
      'numbers as fields',
      frame(JSON_TYPE, json('"extFields":{"a":1e309,"b":-0,"c":true}')),
      { a: 'Infinity', b: '0', c: 'true' },
    ],
    ['a language that is none', frame(JSON_TYPE, '{"code":34,"opaque":7,"language":"__proto__","version":-99}'), {}],
    ['a language of another type', frame(JSON_TYPE, '{"code":34,"opaque":7,"language":{"a":1}}'), {}],
  ])('may have %s', async (_what, bytes, fields) => {
    const peer = await sent(bytes);
    expect(peer.answers).toHaveLength(1);
    expect(peer.answers[0]!.opaque).toBe(7);
    for (const [name, value] of Object.entries(fields)) expect(seen[0]!.extFields!.get(name)).toBe(value);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  it('may have 100,000 fields in 1 MiB, and takes their time only', async () => {
    const many = Array.from({ length: 100_000 }, (_, index) => field(index.toString(36), ''));
    const peer = await sent(frame(BINARY_TYPE, binary(many)));
    expect(peer.answers).toHaveLength(1);
    expect(seen[0]!.extFields!.size).toBe(100_000);
    const tooMany = Array.from({ length: 200_000 }, () => field('a', ''));
    expect((await sent(frame(BINARY_TYPE, binary(tooMany)))).closed).toBe(true);
  });

  const commit = { consumerGroup: 'g', topic: 't', queueId: '0', commitOffset: '5' };
  it.each(['', ' 5', '5 ', '0x10', '1e3', '5.0', '９', 'NaN', 'Infinity', '1e309', '--5', '5\0', '1'.repeat(21)])(
    'with the number %j is answered INVALID_PARAMETER',
    async (value) => {
      const fields = JSON.stringify({ ...commit, commitOffset: value });
      const code = RequestCode.UPDATE_CONSUMER_OFFSET;
      const peer = await sent(frame(JSON_TYPE, json(`"extFields":${fields}`, 7, code)));
      expect(peer.answers[0]).toMatchObject({ opaque: 7, code: ResponseCode.INVALID_PARAMETER });
      expect(seen).toEqual([]);
    },
  );

  it.each([
    ['9223372036854775807', Number.MAX_SAFE_INTEGER],
    ['-9223372036854775808', Number.MIN_SAFE_INTEGER],
    ['9007199254740993', Number.MAX_SAFE_INTEGER],
    ['+5', 5],
    ['-0', 0],
  ])('with the number %s means %d', async (value, meant) => {
    const fields = JSON.stringify({ ...commit, commitOffset: value });
    await sent(frame(JSON_TYPE, json(`"extFields":${fields}`, 7, RequestCode.UPDATE_CONSUMER_OFFSET)));
    expect(seen[0]!.header).toMatchObject({ commitOffset: meant });
  });

  it('may use an opaque again before it is answered, or one below 0: each request gets its answer', async () => {
    const peer = await RawPeer.connect(server.address);
    peers.push(peer);
    peer.send(Buffer.concat([7, 7, -1, -(2 ** 31), 2 ** 31 - 1].map((opaque) => frame(JSON_TYPE, json('', opaque)))));
    await until(() => peer.answers.length === 5, 'all are answered');
    expect(peer.answers.map((answer) => answer.opaque)).toEqual([7, 7, -1, -(2 ** 31), 2 ** 31 - 1]);
  });

  it('may have any bits in its flag: an answer is never answered, and neither is what is oneway', async () => {
    const peer = await RawPeer.connect(server.address);
    peers.push(peer);
    const flags = [1, 2, 3, 0x7fffffff, -1, -2, 4, 0];
    const frames = flags.map((flag, index) => frame(JSON_TYPE, `{"code":34,"opaque":${index},"flag":${flag}}`));
    peer.send(Buffer.concat(frames));
    await until(() => peer.answers.length === 2, 'the requests are answered');
    expect(peer.answers.map((answer) => answer.opaque)).toEqual([6, 7]);
    expect(server.counters.unknownAnswers).toBe(4);
  });
});
