import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { createRequest, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { encodeFrame, requestFields, SERIALIZE_JSON, TcpConnector } from '../../lib/remoting/index.js';
import { BrokerHost } from '../../lib/server/index.js';
import { pullHeader, sendHeader, TestClient } from '../broker/harness.js';
import { pem } from '../certificates/files.js';
import { heartbeat } from '../remoting/support.js';

const platform = systemPlatform({ logger: silentLogger });
const HEALTHY_ROUNDS = 150;
const MEGABYTE = 1 << 20;

/** Peers that misbehave as long as they are not stopped. */
class Mob {
  private readonly sockets = new Set<Socket>();
  private stopped = false;
  connections = 0;

  constructor(private readonly address: string) {}

  /** `act` gets each new socket; one that is closed is followed by another. */
  add(count: number, act: (socket: Socket) => void): void {
    for (let index = 0; index < count; index++) this.open(act);
  }

  stop(): void {
    this.stopped = true;
    for (const socket of this.sockets) socket.destroy();
  }

  private open(act: (socket: Socket) => void): void {
    const [host, port] = this.address.split(':');
    const socket = connect({ host: host!, port: Number(port) });
    this.sockets.add(socket);
    this.connections++;
    socket.on('error', () => {});
    socket.once('connect', () => act(socket));
    socket.once('close', () => {
      this.sockets.delete(socket);
      // One each turn: the mob shares its thread with the broker, and is not to starve it by numbers alone.
      if (!this.stopped) setTimeout(() => this.stopped || this.open(act), 20);
    });
  }
}

const GARBAGE = [
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  Buffer.from('16030102000100', 'hex'),
  Buffer.alloc(64, 0xff),
  Buffer.from('0000000400000000', 'hex'),
  Buffer.from('7fffffff00000010', 'hex'),
];

describe('a broker among hostile peers', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  it('serves a healthy client as before, and its memory stays bounded', async () => {
    const tls = { key: pem('server.key'), cert: pem('server.pem') };
    const host = await BrokerHost.start({ memory: true, listen: 0, topics: [{ name: 't', queues: 1 }], tls }, platform);
    cleanups.push(() => host.stop());
    const healthy = await new TcpConnector({}, platform.clock).connect(host.address!);
    cleanups.push(() => healthy.close());

    const rounds = async (): Promise<number[]> => {
      const took: number[] = [];
      for (let round = 0; round < HEALTHY_ROUNDS; round++) {
        const start = performance.now();
        const sent = await healthy.invoke(
          createRequest(RequestCode.SEND_MESSAGE_V2, sendHeader('t', { queueId: 0 }), Buffer.from('x')),
          20_000,
        );
        const pulled = await healthy.invoke(
          createRequest(RequestCode.GET_MAX_OFFSET, { topic: 't', queueId: 0 }),
          20_000,
        );
        took.push(performance.now() - start);
        expect([sent.code, pulled.code]).toEqual([ResponseCode.SUCCESS, ResponseCode.SUCCESS]);
        // A client that thinks between two requests.
        await platform.clock.sleep(2);
      }
      return took.toSorted((a, b) => a - b);
    };

    // Something to pull again and again without reading it.
    const large = createRequest(
      RequestCode.SEND_MESSAGE_V2,
      sendHeader('t', { queueId: 0 }),
      Buffer.alloc(MEGABYTE, 1),
    );
    for (let index = 0; index < 4; index++) await healthy.invoke(large, 20_000);
    await new TestClient(healthy, 'healthy').join('g', 't');
    const greedy = createRequest(RequestCode.PULL_MESSAGE, pullHeader('g', 't', 0, 0));
    expect((await healthy.invoke(greedy, 20_000)).body!.length).toBeGreaterThan(MEGABYTE);
    const quiet = await rounds();
    const memoryBefore = process.memoryUsage().rss;

    const mob = new Mob(host.address!);
    cleanups.push(() => mob.stop());
    let turn = 0;
    mob.add(10, (socket) => socket.write(GARBAGE[turn++ % GARBAGE.length]!));
    // Connected, silent; half a frame; a TLS handshake that hangs.
    mob.add(300, () => {});
    mob.add(50, (socket) => socket.write(Buffer.from('00ffff000000', 'hex')));
    mob.add(50, (socket) => socket.write(Buffer.from('1603010200010001fc0303', 'hex')));
    // 15 MiB announced, a byte at a time.
    mob.add(20, (socket) => {
      socket.write(Buffer.from('00f0000000000100', 'hex'));
      const drip = setInterval(() => (socket.destroyed ? clearInterval(drip) : socket.write('x')), 50);
    });
    // Pulls of a megabyte each, and nothing is read.
    const pulls = Buffer.concat(
      Array.from({ length: 200 }, (_, opaque) => encodeFrame({ ...greedy, opaque }, SERIALIZE_JSON, requestFields)),
    );
    mob.add(5, (socket) => {
      socket.pause();
      socket.write(pulls);
    });
    // Answers to nothing, and requests of codes that nobody knows.
    const forged = Buffer.concat(
      Array.from({ length: 100 }, (_, opaque) =>
        encodeFrame(
          { ...heartbeat(), code: opaque % 2 === 0 ? 0 : 9_999, flag: opaque % 2 === 0 ? 1 : 2, opaque },
          0,
          requestFields,
        ),
      ),
    );
    mob.add(10, (socket) => {
      const flood = setInterval(() => (socket.destroyed ? clearInterval(flood) : socket.write(forged)), 20);
    });

    const attacked = await rounds();
    const grown = process.memoryUsage().rss - memoryBefore;
    expect(mob.connections).toBeGreaterThan(440);
    const at = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!;
    // Mob and broker share one thread here, and tests share the machine: what counts is that nobody waits for the mob.
    expect(at(attacked, 0.5)).toBeLessThan(50 + 20 * at(quiet, 0.5));
    expect(at(attacked, 0.99)).toBeLessThan(1_000 + 20 * at(quiet, 0.99));
    // 5 peers that do not read may hold 8 MiB each and what the kernel takes; the rest is next to nothing.
    expect(grown).toBeLessThan(400 * MEGABYTE);
    mob.stop();
    while (host.health().connections > 1) await platform.clock.sleep(10);
  }, 60_000);
});
