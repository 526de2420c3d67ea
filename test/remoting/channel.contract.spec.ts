import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { silentLogger, SystemClock, VirtualClock } from '../../lib/platform/index.js';
import {
  createRequest,
  createResponse,
  ExtensionCode,
  LANGUAGE_OTHER,
  PROTOCOL_VERSION,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import {
  type Channel,
  createInProcessPair,
  createPortCounters,
  PortChannel,
  type Respond,
  TcpConnector,
  TcpServer,
  unixAddress,
} from '../../lib/remoting/index.js';
import { PACK, PACK_ANSWER } from '../fuzz/samples.js';
import { heartbeat, until } from './support.js';

interface Pair {
  client: Channel;
  server: Channel;
  stop(): Promise<void>;
}

async function inProcess(): Promise<Pair> {
  return { ...createInProcessPair(new SystemClock()), stop: async () => {} };
}

async function overPorts(): Promise<Pair> {
  const clock = new SystemClock();
  const { port1, port2 } = new MessageChannel();
  const taken = createPortCounters();
  return {
    client: new PortChannel({ port: port1, taken }, 'connected', clock, silentLogger),
    server: new PortChannel({ port: port2, taken }, 'accepted', clock, silentLogger),
    stop: async () => {},
  };
}

async function overTcp(serialize: 'json' | 'binary'): Promise<Pair> {
  const clock = new SystemClock();
  let server: Channel | undefined;
  const listener = await TcpServer.listen({ port: 0, onChannel: (channel) => (server = channel) }, clock, silentLogger);
  const client = await new TcpConnector({ serialize }, clock).connect(listener.address);
  await until(() => server !== undefined, 'the server has the channel');
  return { client, server: server!, stop: () => listener.close() };
}

async function overSocketFile(serialize: 'json' | 'binary'): Promise<Pair> {
  const clock = new SystemClock();
  const directory = await mkdtemp(join(tmpdir(), 'nestmq-channel-'));
  const path = join(directory, 'socket');
  let server: Channel | undefined;
  const listener = await TcpServer.listen({ path, onChannel: (channel) => (server = channel) }, clock, silentLogger);
  expect(listener.address).toBe(`unix:${path}`);
  const client = await new TcpConnector({ serialize }, clock).connect(listener.address);
  await until(() => server !== undefined, 'the server has the channel');
  expect([client.remoteAddress, server!.remoteAddress]).toEqual([listener.address, listener.address]);
  const stop = async (): Promise<void> => {
    await listener.close();
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  };
  return { client, server: server!, stop };
}

const kinds: [string, () => Promise<Pair>][] = [
  ['in process', inProcess],
  ['over the ports of threads', overPorts],
  ['over TCP, JSON headers', () => overTcp('json')],
  ['over TCP, binary headers', () => overTcp('binary')],
  ['over a socket in the file system, JSON headers', () => overSocketFile('json')],
  ['over a socket in the file system, binary headers', () => overSocketFile('binary')],
];

const sendHeader = {
  producerGroup: 'group',
  topic: 'orders',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  queueId: -1,
  sysFlag: 0,
  bornTimestamp: 1_767_225_600_123,
  flag: 0,
  properties: 'KEYS\u0001k\u0002TAGS\u0001ü\u0002',
  reconsumeTimes: 0,
  unitMode: false,
};

describe.each(kinds)('a channel %s', (name, make) => {
  let pair: Pair;
  let client: Channel;
  let server: Channel;

  beforeEach(async () => {
    pair = await make();
    ({ client, server } = pair);
  });
  afterEach(async () => {
    await client.close();
    await pair.stop();
  });

  it('says whether memory of answers comes back, and gives it back when they have left', async () => {
    const told: number[] = [];
    server.onRequest((request, _channel, respond) => {
      const body = Buffer.alloc(50_000, request.opaque);
      respond(createResponse(0, {}, undefined, body), () => {
        told.push(request.opaque);
        body.fill(0xee);
      });
    });
    const answers = await Promise.all([1, 2, 3].map(() => client.invoke(heartbeat(), 20_000)));
    expect(answers.every(({ opaque, body }) => body!.equals(Buffer.alloc(50_000, opaque)))).toBe(true);
    await until(() => told.length === 3 || server.givesBack !== true, 'all of it back');
    expect(told).toHaveLength(server.givesBack === true ? 3 : 0);
  });

  it('bodies of answers stay as they were, whatever is read after them', async () => {
    server.onRequest((request, _channel, respond) => {
      const size = [20, 3000, 200_000][request.opaque % 3]!;
      respond(createResponse(0, {}, undefined, Buffer.alloc(size, request.opaque)));
    });
    const ask = (): Promise<RemotingCommand[]> =>
      Promise.all(Array.from({ length: 9 }, () => client.invoke(heartbeat(), 20_000)));
    const answers = [...(await ask()), ...(await ask())];
    expect(answers.every(({ opaque, body }) => body!.equals(Buffer.alloc(body!.length, opaque)))).toBe(true);
  });

  it.each([RequestCode.SEND_MESSAGE, RequestCode.SEND_MESSAGE_V2])(
    'carries typed headers, body and remark both ways (code %d)',
    async (code) => {
      let seen: RemotingCommand | undefined;
      server.onRequest((request, _channel, respond) => {
        seen = request;
        respond(
          createResponse(
            ResponseCode.SUCCESS,
            { msgId: 'id', queueId: 3, queueOffset: 2 ** 40 },
            'fine — ✓',
            Buffer.from(`echo ${request.body!.toString()}`),
          ),
        );
      });
      const response = await client.invoke(createRequest(code, { ...sendHeader }, Buffer.from('hello')), 20_000);
      expect(seen).toMatchObject({ code, language: LANGUAGE_OTHER, version: PROTOCOL_VERSION, header: sendHeader });
      expect(response).toMatchObject({
        code: 0,
        flag: 1,
        remark: 'fine — ✓',
        header: { msgId: 'id', queueId: 3, queueOffset: 2 ** 40 },
      });
      expect(response.opaque).toBe(seen!.opaque);
      expect(response.body!.toString()).toBe('echo hello');
    },
  );

  it('carries a header that travels as the body, and the answer to it', async () => {
    let seen: RemotingCommand | undefined;
    server.onRequest((request, _channel, respond) => {
      seen = request;
      respond(createResponse(ResponseCode.SUCCESS, PACK_ANSWER));
    });
    const response = await client.invoke(createRequest(ExtensionCode.SEND_PACK, PACK), 20_000);
    expect(seen!.header).toEqual(PACK);
    expect(response.header).toEqual(PACK_ANSWER);
    const refusal = createResponse(ResponseCode.NO_PERMISSION, {}, 'not you');
    server.onRequest((_request, _channel, respond) => respond(refusal));
    const refused = await client.invoke(createRequest(ExtensionCode.SEND_PACK, PACK), 20_000);
    expect(refused).toMatchObject({ code: ResponseCode.NO_PERMISSION, remark: 'not you', header: {} });
  });

  it('gives error answers with their code and remark and without a header', async () => {
    server.onRequest((_request, _channel, respond) => respond(createResponse(ResponseCode.SYSTEM_BUSY, {}, 'later')));
    const response = await client.invoke(createRequest(RequestCode.SEND_MESSAGE_V2, { ...sendHeader }), 20_000);
    expect(response).toMatchObject({ code: ResponseCode.SYSTEM_BUSY, remark: 'later', header: {} });
  });

  it('matches answers to requests, in whatever order they come', async () => {
    const waiting: [RemotingCommand, Respond][] = [];
    server.onRequest((request, _channel, respond) => {
      if (waiting.push([request, respond]) < 100) return;
      for (const [early, answer] of waiting.toReversed()) answer(createResponse(0, {}, undefined, early.body));
    });
    const bodies = Array.from({ length: 100 }, (_, i) => Buffer.from(`n${i}`));
    const answers = await Promise.all(bodies.map((body) => client.invoke(heartbeat(body), 20_000)));
    expect(answers.map((answer) => answer.body!.toString())).toEqual(bodies.map(String));
  });

  it('keeps the order of requests and carries them in both directions at once', async () => {
    const seen: string[] = [];
    server.onRequest((request, channel, respond) => {
      seen.push(request.body!.toString());
      void channel.invoke(heartbeat(request.body), 20_000).then((answer) => respond(answer));
    });
    client.onRequest((request, _channel, respond) => respond(createResponse(0, {}, undefined, request.body)));
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((text) => client.invoke(heartbeat(Buffer.from(text)), 20_000)),
    );
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(answers.map((answer) => answer.body!.toString())).toEqual(['a', 'b', 'c']);
  });

  it('does not serve a request of the server inside a request of the client', async () => {
    let inside = false;
    server.onRequest((_request, channel, respond) => {
      channel.oneway(heartbeat());
      respond(createResponse(0, {}));
    });
    let served: boolean | undefined;
    client.onRequest(() => {
      served = inside;
    });
    inside = true;
    const answer = client.invoke(heartbeat(), 20_000);
    inside = false;
    await answer;
    await until(() => served !== undefined, 'the oneway request arrives');
    expect(served).toBe(false);
  });

  it('sends oneway requests, whose answers go nowhere', async () => {
    let seen = 0;
    server.onRequest((request, _channel, respond) => {
      seen++;
      expect(request.flag).toBe(2);
      respond(createResponse(0, {}));
    });
    client.oneway(heartbeat());
    client.oneway(heartbeat());
    await until(() => seen === 2, 'both arrive');
  });

  it('answers what nobody serves with REQUEST_CODE_NOT_SUPPORTED', async () => {
    const response = await client.invoke(createRequest(12_345, {}), 20_000);
    expect(response.code).toBe(ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
    expect(response.remark).toBe(' request type 12345 not supported');
  });

  it('answers SYSTEM_ERROR when the handler throws, and takes only the first of two answers', async () => {
    server.onRequest(() => {
      throw new Error('boom');
    });
    const failed = await client.invoke(heartbeat(), 20_000);
    expect(failed.code).toBe(ResponseCode.SYSTEM_ERROR);
    expect(failed.remark).toContain('boom');
    server.onRequest((_request, _channel, respond) => {
      respond(createResponse(0, {}, 'first'));
      respond(createResponse(0, {}, 'second'));
    });
    expect((await client.invoke(heartbeat(), 20_000)).remark).toBe('first');
    expect((await client.invoke(heartbeat(), 20_000)).remark).toBe('first');
  });

  it('rejects with TIMEOUT what is not answered, and ignores the late answer', async () => {
    let answer: Respond | undefined;
    server.onRequest((request, _channel, respond) => {
      if (request.body === undefined) answer = respond;
      else respond(createResponse(0, {}));
    });
    await expect(client.invoke(heartbeat(), 20)).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
    await until(() => answer !== undefined, 'the request arrives');
    answer!(createResponse(0, {}, 'too late'));
    expect((await client.invoke(heartbeat(Buffer.from('x')), 20_000)).code).toBe(0);
  });

  it.each(['client', 'server'] as const)(
    'rejects what waits when the %s closes, and tells both ends once',
    async (end) => {
      let told = 0;
      client.onClose(() => told++);
      server.onClose(() => told++);
      server.onRequest(() => {});
      const waiting = client.invoke(heartbeat(), 20_000);
      const rejected = expect(waiting).rejects.toMatchObject({ code: 'CHANNEL_CLOSED', retryable: true });
      await pair[end].close();
      await rejected;
      await until(() => told === 2, 'both ends know');
      expect(client.closed && server.closed).toBe(true);
      await expect(client.invoke(heartbeat(), 20_000)).rejects.toMatchObject({ code: 'CHANNEL_CLOSED' });
      client.oneway(heartbeat());
      client.onClose(() => told++);
      expect(told).toBe(3);
      await pair[end].close();
      expect(told).toBe(3);
    },
  );

  it('delivers what was sent before the close', async () => {
    const seen: string[] = [];
    server.onRequest((request) => void seen.push(request.body!.toString('latin1', 0, 4)));
    for (let i = 0; i < 20; i++) client.oneway(heartbeat(Buffer.from(`${1000 + i}`.padEnd(100_000))));
    await client.close();
    await until(() => seen.length === 20, 'all arrive');
    expect(seen[19]).toBe('1019');
  });

  it('carries large bodies unchanged', async () => {
    server.onRequest((request, _channel, respond) => respond(createResponse(0, {}, undefined, request.body)));
    for (const size of [1, 16_383, 16_384, 65_536, 300_000, 5_000_000]) {
      const body = Buffer.alloc(size, name);
      const answer = await client.invoke(heartbeat(body), 10_000);
      expect(answer.body!.equals(body)).toBe(true);
    }
  });
});

describe('a socket in the file system', () => {
  it('that nobody listens on, that is not there, or whose path is taken, is a typed error', async () => {
    const clock = new SystemClock();
    const directory = await mkdtemp(join(tmpdir(), 'nestmq-channel-'));
    const path = join(directory, 'socket');
    const connect = (to: string): Promise<Channel> => new TcpConnector({}, clock).connect(unixAddress(to));
    await expect(connect(path)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringMatching(/ENOENT.*no such socket/),
    });
    await writeFile(path, '');
    await expect(connect(path)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(TcpServer.listen({ path, onChannel: () => {} }, clock, silentLogger)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining(path),
    });
    await rm(directory, { recursive: true });
  });
});

describe('time-outs', () => {
  it('share one timer per channel', () => {
    const clock = new VirtualClock();
    const { client } = createInProcessPair(clock);
    for (let i = 0; i < 50; i++) client.invoke(heartbeat(), 100 + i).catch(() => {});
    client.invoke(heartbeat(), 30_000).catch(() => {});
    expect(clock.pending).toEqual([100]);
  });

  it('are never early, at most 10 ms late, and in time for a short one behind a long one', async () => {
    const clock = new VirtualClock();
    const { client, server } = createInProcessPair(clock);
    server.onRequest(() => {});
    const expired: string[] = [];
    client.invoke(heartbeat(), 30_000).catch(() => expired.push(`long@${clock.monotonic()}`));
    client.invoke(heartbeat(), 1000).catch(() => expired.push(`short@${clock.monotonic()}`));
    for (let i = 0; i < 5; i++)
      client.invoke(heartbeat(), 2000 + 3 * i).catch(() => expired.push(`${clock.monotonic()}`));
    await clock.advance(2012);
    expect(expired.slice(0, 2)).toEqual(['short@1000', '2000']);
    await clock.advance(20);
    expect(expired).toHaveLength(6);
    await clock.advance(28_000);
    expect(expired[6]).toBe('long@30000');
    expect(clock.pending).toEqual([]);
  });
});
