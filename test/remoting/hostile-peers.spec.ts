import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';
import { createResponse, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import {
  type Channel,
  encodeFrame,
  type RequestHandler,
  responseFields,
  TcpConnector,
  TcpServer,
} from '../../lib/remoting/index.js';
import { heartbeat, MemoryLogger, RawPeer, until } from './support.js';

const echo: RequestHandler = (request, _channel, respond) => respond(createResponse(0, {}, undefined, request.body));

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value | 0, 4 * i);
  return bytes;
}

describe('a server', () => {
  let clock: VirtualClock;
  let logger: MemoryLogger;
  let server: TcpServer;
  let channels: Channel[];
  let handler: RequestHandler;
  const peers: RawPeer[] = [];

  beforeEach(async () => {
    clock = new VirtualClock();
    logger = new MemoryLogger();
    channels = [];
    handler = echo;
    const onChannel = (channel: Channel): void => {
      channels.push(channel);
      channel.onRequest((request, at, respond) => handler(request, at, respond));
    };
    server = await TcpServer.listen({ port: 0, onChannel, maxConnections: 5 }, clock, logger);
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.socket.destroy();
    await server.close();
  });

  async function peer(): Promise<RawPeer> {
    const made = await RawPeer.connect(server.address);
    peers.push(made);
    return made;
  }

  it.each([
    ['length 0', words(0, 0)],
    ['length 1', words(1, 0)],
    ['length 3', words(3, 0)],
    ['length -1', words(-1, 0)],
    ['length 0x7fffffff', words(0x7fffffff, 0)],
    ['length just over 16 MiB', words(16_777_217, 10)],
    ['only a bad length', words(-1)],
    ['header longer than the frame', words(10, 7)],
    ['header length 0xffffff', words(16_777_216, 0xffffff)],
    ['header type 2', words(10, (2 << 24) | 6)],
    ['header type 255', words(10, (255 << 24) | 6)],
    ['empty header', words(4, 0)],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a TLS handshake', Buffer.from('16030100c8010000c4030300', 'hex')],
  ])('closes the connection of a peer that sends %s, and no other', async (_what, bytes) => {
    const [good, bad] = [await peer(), await peer()];
    good.request(1);
    await until(() => good.answers.length === 1, 'the good peer is served');
    bad.send(bytes);
    await until(() => bad.closed, 'the bad peer is cut off');
    expect(server.counters.invalidFrames).toBe(1);
    expect(logger.lines.join()).toContain('sent what cannot be read');
    good.request(2);
    await until(() => good.answers.length === 2, 'the good peer is still served');
  });

  it('answers the requests in front of the bytes that it cannot read', async () => {
    const bad = await peer();
    bad.request(1, Buffer.alloc(10));
    await until(() => bad.answers.length === 1, 'the request is answered');
    bad.send(words(-5));
    await until(() => bad.closed, 'the peer is cut off');
  });

  it('reads frames that come byte by byte', async () => {
    const slow = await peer();
    const frame = encodeFrame({ ...heartbeat(Buffer.from('slow')), opaque: 9 }, 1, responseFields(34));
    for (let at = 0; at < frame.length; at++) slow.send(frame.subarray(at, at + 1));
    await until(() => slow.answers.length === 1, 'it is answered');
    expect(slow.answers[0]).toMatchObject({ opaque: 9, serializeType: 1 });
  });

  it('gives a header 10 s to come, however regularly its bytes drip', async () => {
    const slow = await peer();
    slow.send(words(200, 150));
    await until(() => clock.pending.some((left) => left <= 10_000), 'the time of the header runs');
    // The channel has read once its idle time starts anew; only the header's own deadline is shorter than 120 s.
    for (let second = 0; second < 12 && !slow.closed; second++) {
      slow.send(Buffer.from([0]));
      await clock.advance(1000);
    }
    await until(() => slow.closed, 'it is cut off');
    expect(logger.lines.join()).toContain('did not complete the header');
  });

  it('closes what is idle for 120 s, and not what is in use', async () => {
    const [quiet, busy] = [await peer(), await peer()];
    await until(() => channels.length === 2, 'both are connected');
    for (let i = 1; i <= 5; i++) {
      await clock.advance(25_000);
      busy.request(i);
      await until(() => busy.answers.length === i, 'the busy one is served');
    }
    await until(() => quiet.closed, 'the quiet one is closed');
    expect(server.counters.idle).toBe(1);
    expect(busy.closed).toBe(false);
  });

  it('ignores and counts answers to what it never asked', async () => {
    const forger = await peer();
    for (let opaque = 0; opaque < 100; opaque++)
      forger.send(encodeFrame({ ...createResponse(0, {}), opaque }, 0, responseFields(34)));
    forger.request(1);
    await until(() => forger.answers.length === 1, 'its request is served nevertheless');
    expect(server.counters.unknownAnswers).toBe(100);
  });

  it('answers INVALID_PARAMETER when a header lacks what it must have, and drops oneway ones', async () => {
    const one = await peer();
    const request = { ...heartbeat(), code: RequestCode.SEND_MESSAGE_V2, opaque: 4 };
    one.send(encodeFrame({ ...request, flag: 2 }, 0, () => {}));
    one.send(encodeFrame(request, 0, () => {}));
    await until(() => one.answers.length === 1, 'it is answered');
    expect(one.answers[0]).toMatchObject({ opaque: 4, code: ResponseCode.INVALID_PARAMETER });
    expect(server.counters.droppedOneways).toBe(1);
  });

  it('turns connections over the limit away', async () => {
    for (let i = 0; i < 5; i++) await peer();
    await until(() => channels.length === 5, 'five are connected');
    const sixth = await peer();
    await until(() => sixth.closed, 'the sixth is turned away');
    expect(server.counters.refused).toBe(1);
    expect(logger.lines.join()).toContain('maxConnections');
    peers[0]!.socket.destroy();
    await until(() => server.connections === 4, 'a place is free');
    const next = await peer();
    next.request(1);
    await until(() => next.answers.length === 1, 'the next one is served');
  });

  it('stops reading from a peer that does not read, goes on when it does, and loses nothing', async () => {
    const megabyte = Buffer.alloc(1 << 20, 7);
    let asked = 0;
    handler = (_request, _channel, respond) => {
      asked++;
      respond(createResponse(0, {}, undefined, megabyte));
    };
    const greedy = await peer();
    greedy.socket.pause();
    for (let i = 0; i < 60; i++) greedy.request(i);
    await until(() => asked >= 8, 'answers pile up');
    for (let i = 0; i < 50; i++) await clock.settle();
    const stoppedAt = asked;
    // 8 MiB in our memory, and what the kernel's buffers of both ends hold.
    expect(stoppedAt).toBeLessThan(30);
    greedy.socket.resume();
    await until(() => greedy.answers.length === 60, 'all answers arrive');
    expect(greedy.answers.map((answer) => answer.opaque)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it('cuts a peer off that reads nothing for 10 s', async () => {
    let asked = 0;
    handler = (_request, _channel, respond) => {
      asked++;
      respond(createResponse(0, {}, undefined, Buffer.alloc(12 << 20)));
    };
    const deaf = await peer();
    deaf.socket.pause();
    for (let i = 0; i < 3; i++) deaf.request(i);
    await until(() => asked > 0, 'there is something to read');
    await clock.advanceUntil(() => channels[0]!.closed, 30_000);
    expect(server.counters.stalled).toBe(1);
    expect(logger.lines.join()).toMatch(/has read nothing for 1\d{4} ms/);
  });

  it('cuts a peer off for which more than 64 MiB wait', async () => {
    const held: (() => void)[] = [];
    handler = (_request, _channel, respond) =>
      held.push(() => respond(createResponse(0, {}, undefined, Buffer.alloc(12 << 20))));
    const deaf = await peer();
    for (let i = 0; i < 8; i++) deaf.request(i);
    await until(() => held.length === 8, 'all are asked');
    deaf.socket.pause();
    for (const answer of held) answer();
    expect(channels[0]!.closed).toBe(true);
    expect(logger.lines.join()).toContain('does not read its answers');
  });

  it('answers SYSTEM_ERROR in place of an answer that is too large', async () => {
    handler = (_request, _channel, respond) => respond(createResponse(0, {}, undefined, Buffer.alloc(17 << 20)));
    const one = await peer();
    one.request(1);
    await until(() => one.answers.length === 1, 'it is answered');
    expect(one.answers[0]).toMatchObject({ opaque: 1, code: ResponseCode.SYSTEM_ERROR });
  });

  it('says that its port is in use', async () => {
    const port = Number(server.address.split(':')[1]);
    await expect(TcpServer.listen({ port, onChannel: () => {} }, clock, logger)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('another process uses that port'),
    });
  });
});

describe('a client', () => {
  const clock = new VirtualClock();
  const connector = new TcpConnector({}, clock);
  let foreign: Server;
  let address: string;
  let onSocket: (socket: Socket) => void;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    foreign = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      onSocket(socket);
    });
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    address = `127.0.0.1:${(foreign.address() as { port: number }).port}`;
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await new Promise((resolve) => foreign.close(resolve));
  });

  it('says that the other end is no RocketMQ server', async () => {
    onSocket = (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    const channel = await connector.connect(address);
    const cause = new Promise((resolve) => channel.onClose(resolve));
    await expect(channel.invoke(heartbeat(), 3000)).rejects.toMatchObject({
      code: 'FRAME_INVALID',
      message: expect.stringContaining('HTTP/1.1'),
    });
    expect(await cause).toMatchObject({
      message: expect.stringContaining('Is this the address of a NameServer or broker?'),
    });
  });

  it.each([
    ['Redis', '-ERR Protocol error: unauthenticated multibulk length\r\n'],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
    ['a mail server', '220 mail.example ESMTP ready\r\n'],
  ])('knows %s by what it says', async (_what, words) => {
    onSocket = (socket) => socket.write(words);
    const channel = await connector.connect(address);
    await expect(channel.invoke(heartbeat(), 3000)).rejects.toMatchObject({
      code: 'FRAME_INVALID',
      message: expect.stringContaining(words.slice(0, 8)),
    });
  });

  it('asks whether it is the right address when nothing is ever answered, or the connection closed without a word', async () => {
    onSocket = () => {};
    const silent = await connector.connect(address);
    const failed = expect(silent.invoke(heartbeat(), 700)).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('is it the address of a NameServer or broker?'),
    });
    await clock.advance(800);
    await failed;
    onSocket = (socket) => socket.end();
    const closing = await connector.connect(address);
    await expect(closing.invoke(heartbeat(), 3000)).rejects.toMatchObject({
      code: 'CHANNEL_CLOSED',
      message: expect.stringContaining('Is this the address of a NameServer or broker'),
    });
  });

  it('reports a connection that breaks', async () => {
    onSocket = (socket) => socket.on('data', () => socket.resetAndDestroy());
    const channel = await connector.connect(address);
    await expect(channel.invoke(heartbeat(), 3000)).rejects.toMatchObject({ code: 'CHANNEL_CLOSED', retryable: true });
  });

  it('names the address and the way out when nothing listens there', async () => {
    const unused = address;
    await new Promise((resolve) => foreign.close(resolve));
    await expect(connector.connect(unused)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      retryable: true,
      message: expect.stringMatching(new RegExp(`${unused}.*ECONNREFUSED.*Start the broker`)),
    });
  });

  it('gives up connecting after its time', async () => {
    let opened: Socket | undefined;
    const { Socket: PlainSocket } = await import('node:net');
    const hanging = new TcpConnector({ connectTimeout: 700, openSocket: () => (opened = new PlainSocket()) }, clock);
    const failed = expect(hanging.connect('10.0.0.1:9876')).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('ETIMEDOUT'),
    });
    await clock.advance(700);
    await failed;
    expect(opened!.destroyed).toBe(true);
  });

  it.each(['', 'host', 'host:', ':1', 'host:0', 'host:70000', 'http://host:1', 'host:1/x', '::1:9876'])(
    'refuses "%s" as an address',
    async (text) => {
      await expect(connector.connect(text)).rejects.toMatchObject({ code: 'CONFIGURATION' });
    },
  );

  it('refuses to pile up more than 64 MiB for a server that does not read', async () => {
    onSocket = (socket) => socket.pause();
    const channel = await connector.connect(address);
    const results = Array.from({ length: 10 }, () => channel.invoke(heartbeat(Buffer.alloc(10 << 20)), 3000));
    const settled = Promise.allSettled(results);
    const closed = channel.close();
    // What is written is drained for 3 s; then the connection goes although the other end has not read it.
    await clock.advance(4000);
    await closed;
    const codes = (await settled).map((result) => (result as PromiseRejectedResult).reason.code);
    expect(codes.filter((code) => code === 'BROKER_BUSY').length).toBeGreaterThan(0);
    expect(codes.filter((code) => code === 'CHANNEL_CLOSED').length).toBeGreaterThan(5);
  });
});
