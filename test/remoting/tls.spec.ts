import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';
import { createResponse, ResponseCode } from '../../lib/protocol/index.js';
import { type Channel, type ClientTls, type ServerTls, TcpConnector, TcpServer } from '../../lib/remoting/index.js';
import { certificatePath, pem } from '../certificates/files.js';
import { heartbeat, MemoryLogger, RawPeer, until } from './support.js';

const ca = pem('ca.pem');

function serverTls(more: Partial<ServerTls> = {}): ServerTls {
  const plain = { key: pem('server.key'), cert: pem('server.pem'), ca, clientCertificate: 'none' as const };
  return { mode: 'permissive', ...plain, ...more };
}

describe('TLS', () => {
  let clock: VirtualClock;
  let logger: MemoryLogger;
  let server: TcpServer;
  let port: number;
  let served: Channel[];
  const sockets: Socket[] = [];
  const opened: Channel[] = [];

  beforeEach(() => {
    clock = new VirtualClock();
    logger = new MemoryLogger();
    served = [];
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    const closing = Promise.all([...opened.splice(0).map((channel) => channel.close()), server?.close()]);
    await clock.advanceUntil(() => server === undefined || server.connections === 0, 10_000);
    await closing;
  });

  async function listen(tls?: ServerTls): Promise<void> {
    const onChannel = (channel: Channel): void => {
      served.push(channel);
      channel.onRequest((request, _from, respond) => respond(createResponse(0, {}, undefined, request.body)));
    };
    server = await TcpServer.listen({ port: 0, onChannel, tls, maxConnections: 5 }, clock, logger);
    port = Number(server.address.split(':')[1]);
  }

  async function open(tls?: boolean | ClientTls, host = 'localhost'): Promise<Channel> {
    const channel = await new TcpConnector({ tls }, clock).connect(`${host}:${port}`);
    opened.push(channel);
    return channel;
  }

  async function echo(channel: Channel, body = Buffer.from('hello')): Promise<void> {
    const response = await channel.invoke(heartbeat(body), 3000);
    expect(response.body!.equals(body)).toBe(true);
  }

  it('serves plain and TLS connections on one port', async () => {
    await listen(serverTls());
    const [plain, secure] = [await open(), await open({ ca })];
    await echo(plain);
    await echo(secure);
    expect(server.connections).toBe(2);
  });

  it('carries large bodies both ways, and many at once', async () => {
    await listen(serverTls());
    const secure = await open({ ca });
    const body = Buffer.alloc(3 << 20, 'x');
    await Promise.all([...Array.from({ length: 8 }, () => echo(secure, body)), echo(secure)]);
  });

  it('takes a first byte that comes alone for what it is', async () => {
    await listen(serverTls());
    const peer = await RawPeer.connect(`127.0.0.1:${port}`);
    sockets.push(peer.socket);
    const { requestFields, encodeFrame } = await import('../../lib/remoting/index.js');
    const frame = encodeFrame({ ...heartbeat(), opaque: 3 }, 0, requestFields);
    peer.send(frame.subarray(0, 1));
    for (let turn = 0; turn < 20; turn++) await clock.settle();
    peer.send(frame.subarray(1));
    await until(() => peer.answers.length === 1, 'it is answered');
    expect(peer.answers[0]!.opaque).toBe(3);
  });

  it('trusts certificates from files as from texts, and by address as by name', async () => {
    await listen(serverTls());
    await echo(await open({ ca: certificatePath('ca.pem') }));
    await echo(await open({ ca }, '127.0.0.1'));
  });

  it('tells a plain client that it needs TLS where TLS is enforced', async () => {
    await listen(serverTls({ mode: 'enforcing' }));
    await echo(await open({ ca }));
    const plain = await open();
    const closed = new Promise<void>((resolve) => plain.onClose(() => resolve()));
    const response = await plain.invoke(heartbeat(), 3000);
    expect(response).toMatchObject({
      code: ResponseCode.NO_PERMISSION,
      remark: expect.stringMatching(/TLS only.*option tls.*tls\.enable=true/),
    });
    await closed;
    expect(served).toHaveLength(1);
  });

  it.each<[string, boolean | ClientTls, string, RegExp]>([
    ['an authority that is not trusted', true, 'localhost', /authority that is not trusted here.*tls\.ca/],
    ['another authority', { ca: pem('stranger-ca.pem') }, 'localhost', /authority that is not trusted here/],
    ['another name than it should', { ca, servername: 'broker.elsewhere' }, 'localhost', /for other names.*servername/],
  ])('fails with TLS_FAILED when the server has a certificate of %s', async (_what, tls, host, text) => {
    await listen(serverTls());
    await expect(open(tls, host)).rejects.toMatchObject({
      code: 'TLS_FAILED',
      retryable: false,
      message: expect.stringMatching(text),
    });
    await until(() => server.connections === 0, 'nothing of it stays');
  });

  it('fails with TLS_FAILED at a certificate for another host, unless told which name to expect', async () => {
    await listen(serverTls({ key: pem('elsewhere.key'), cert: pem('elsewhere.pem') }));
    await expect(open({ ca })).rejects.toMatchObject({ code: 'TLS_FAILED' });
    await echo(await open({ ca, servername: 'broker.elsewhere' }));
    await echo(await open({ rejectUnauthorized: false }));
  });

  it('says that a server without TLS has none', async () => {
    await listen();
    await expect(open({ ca })).rejects.toMatchObject({ code: expect.stringMatching('TLS_FAILED|CONNECT_FAILED') });
    await until(() => logger.lines.length > 0, 'the server says why');
    expect(logger.lines.join()).toContain('That is TLS: give this server tls');
  });

  it('says that a server which is none of ours does not speak TLS', async () => {
    const other = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    port = (other.address() as { port: number }).port;
    await listen().then(() => (port = (other.address() as { port: number }).port));
    await expect(open({ ca }, '127.0.0.1')).rejects.toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('does not speak TLS. Leave the option tls out'),
    });
    other.close();
  });

  it('says that a server which speaks only TLS wants it', async () => {
    await listen();
    const strict: Server = createTlsServer({ key: pem('server.key'), cert: pem('server.pem') });
    await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve));
    port = (strict.address() as { port: number }).port;
    const plain = await open(undefined, '127.0.0.1');
    await expect(plain.invoke(heartbeat(), 3000)).rejects.toMatchObject({
      code: 'CHANNEL_CLOSED',
      message: expect.stringContaining(
        'without an answer. Is this the address of a NameServer or broker, and does it want TLS?',
      ),
    });
    strict.close();
  });

  it('knows the TLS alert with which others answer plain bytes', async () => {
    await listen();
    const alerting = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.end(Buffer.from('15030100020228', 'hex'));
    });
    await new Promise<void>((resolve) => alerting.listen(0, '127.0.0.1', resolve));
    port = (alerting.address() as { port: number }).port;
    const plain = await open(undefined, '127.0.0.1');
    await expect(plain.invoke(heartbeat(), 3000)).rejects.toMatchObject({
      code: 'FRAME_INVALID',
      message: expect.stringContaining('That is TLS: give this client the option tls'),
    });
    alerting.close();
  });

  it('gives up a server that never answers the handshake', async () => {
    await listen();
    const silent = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    port = (silent.address() as { port: number }).port;
    const failed = expect(open({ ca }, '127.0.0.1')).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('ETIMEDOUT'),
    });
    await until(() => sockets.length === 1, 'it is connected');
    await clock.advance(3000);
    await failed;
    silent.close();
  });

  it('asks for a certificate of the client where one is required', async () => {
    await listen(serverTls({ clientCertificate: 'require' }));
    await echo(await open({ ca, cert: pem('client.pem'), key: pem('client.key') }));
    for (const own of [{}, { cert: pem('stranger.pem'), key: pem('stranger.key') }]) {
      const refused = open({ ca, ...own }).then((channel) => channel.invoke(heartbeat(), 3000));
      await expect(refused).rejects.toMatchObject({ code: expect.stringMatching('TLS_FAILED|CHANNEL_CLOSED') });
    }
    expect(served).toHaveLength(1);
    expect(server.counters.failedHandshakes).toBe(2);
  });

  it('takes clients without a certificate where it is optional, and none with one that it does not trust', async () => {
    await listen(serverTls({ clientCertificate: 'optional' }));
    await echo(await open({ ca }));
    await echo(await open({ ca, cert: pem('client.pem'), key: pem('client.key') }));
    const refused = open({ ca, cert: pem('stranger.pem'), key: pem('stranger.key') });
    await expect(refused.then((channel) => channel.invoke(heartbeat(), 3000))).rejects.toMatchObject({
      code: expect.stringMatching('TLS_FAILED|CHANNEL_CLOSED'),
    });
    expect(served).toHaveLength(2);
  });

  it('gives new connections the renewed certificate, and leaves open ones alone', async () => {
    await listen(serverTls());
    const before = await open({ ca });
    expect(() => server.renewTls(serverTls({ key: 'nonsense' }))).toThrow(/key and certificates of tls cannot be used/);
    await echo(await open({ ca }));
    server.renewTls(serverTls({ key: pem('elsewhere.key'), cert: pem('elsewhere.pem') }));
    await echo(before);
    await expect(open({ ca })).rejects.toMatchObject({ code: 'TLS_FAILED' });
    await echo(await open({ ca, servername: 'broker.elsewhere' }));
  });

  it('closes who says nothing after 120 s, and who does not complete the handshake after 10 s', async () => {
    await listen(serverTls());
    const [silent, hanging] = [await RawPeer.connect(`127.0.0.1:${port}`), await RawPeer.connect(`127.0.0.1:${port}`)];
    sockets.push(silent.socket, hanging.socket);
    hanging.send(Buffer.from('1603010200010001fc0303', 'hex'));
    await until(() => server.connections === 2, 'both are connected');
    await until(() => clock.pending.some((left) => left <= 10_000), 'the time of the handshake runs');
    await clock.advance(10_000);
    await until(() => hanging.closed, 'the hanging one is closed');
    expect(silent.closed).toBe(false);
    await clock.advance(110_000);
    await until(() => silent.closed, 'the silent one is closed');
    expect(server.connections).toBe(0);
    expect(logger.lines.join()).toContain('no handshake within 10000 ms');
  });

  it('closes an idle TLS connection after 120 s', async () => {
    await listen(serverTls());
    const secure = await open({ ca });
    await echo(secure);
    const closed = new Promise<void>((resolve) => secure.onClose(() => resolve()));
    await clock.advance(125_000);
    await closed;
  });

  it('counts connections in the handshake among those that are open', async () => {
    await listen(serverTls());
    for (let index = 0; index < 5; index++) {
      const peer = await RawPeer.connect(`127.0.0.1:${port}`);
      sockets.push(peer.socket);
    }
    await until(() => server.connections === 5, 'five knock');
    const sixth = await RawPeer.connect(`127.0.0.1:${port}`);
    await until(() => sixth.closed, 'the sixth is turned away');
  });

  it('sends what is written before it closes, also with TLS', async () => {
    await listen(serverTls());
    const secure = await open({ ca });
    const large = Buffer.alloc(6 << 20, 'y');
    const answer = secure.invoke(heartbeat(large), 3000);
    await until(() => served.length === 1, 'it is connected');
    let arrived = 0;
    served[0]!.onRequest((request, from, respond) => {
      arrived++;
      respond(createResponse(0, {}, undefined, request.body));
      void from.close();
    });
    expect((await answer).body!.length).toBe(large.length);
    expect(arrived).toBe(1);
  });

  it('survives garbage in the place of a handshake, and resets in the middle of one', async () => {
    await listen(serverTls());
    for (let index = 0; index < 20; index++) {
      const socket = connect({ host: '127.0.0.1', port });
      sockets.push(socket);
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0, index]), Buffer.alloc(index, index)]));
      if (index % 2 === 0) socket.resetAndDestroy();
      else socket.end();
    }
    await until(() => server.connections === 0, 'they are gone');
    await echo(await open({ ca }));
  });
});
