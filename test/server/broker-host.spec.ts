import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import {
  MemoryFileSystem,
  type Platform,
  silentLogger,
  systemPlatform,
  VirtualClock,
} from '../../lib/platform/index.js';
import {
  createRequest,
  decodeOffsetMessageId,
  decodeTopicRouteData,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { type Channel, TcpConnector } from '../../lib/remoting/index.js';
import { BrokerHost, type BrokerSettings, VERSION } from '../../lib/server/index.js';
import { pullHeader, sendHeader } from '../broker/harness.js';

const quiet = systemPlatform({ logger: silentLogger });

describe('a broker host', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const start = async (settings: BrokerSettings, platform: Platform = quiet): Promise<BrokerHost> => {
    const host = await BrokerHost.start(settings, platform);
    cleanups.push(() => host.stop());
    return host;
  };
  const directory = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'nestmq-host-'));
    cleanups.push(() => rm(path, { recursive: true, force: true }));
    return path;
  };
  const send = (channel: Channel, topic: string, body = 'x') =>
    channel.invoke(createRequest(RequestCode.SEND_MESSAGE_V2, sendHeader(topic), Buffer.from(body)), 5_000);
  const route = async (channel: Channel, topic: string) => {
    const { code, body } = await channel.invoke(createRequest(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic }), 5_000);
    return code === 0 ? decodeTopicRouteData(body!) : code;
  };

  it('serves clients of its own process without opening a port', async () => {
    const host = await start({ memory: true, topics: ['orders', { name: 'payments', queues: 9 }] });
    const channel = await host.connector.connect('anything');
    expect((await send(channel, 'orders')).code).toBe(0);
    expect(await route(channel, 'payments')).toMatchObject({
      queueDatas: [{ brokerName: 'nestmq', writeQueueNums: 9 }],
      brokerDatas: [{ brokerAddrs: new Map([[0, 'in-process']]) }],
    });
    expect(await route(channel, 'TBW102')).toMatchObject({ queueDatas: [{ perm: 7, writeQueueNums: 4 }] });
    expect(host.address).toBeUndefined();
    expect(host.storePath).toBeUndefined();
    expect(host.summary()).toBe(
      `nestmq ${VERSION} broker nestmq; in memory: every message is lost when the process ends; no port opened`,
    );
  });

  it("in memory has the limits of a disk of half the machine's memory: sends are refused before the process dies", async () => {
    const host = await start({ memory: true });
    const channel = await host.connector.connect('anything');
    for (let sent = 0; sent < 4; sent++)
      expect((await send(channel, 'orders', 'x'.repeat(4 * 1024 * 1024))).code).toBe(0);
    const limit = (): number => (16 * 1024 * 1024) / host.health().store.diskUsedRatio;
    // The room is looked at once a second.
    for (let turn = 0; limit() > totalmem() && turn < 100; turn++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(limit()).toBeLessThan(totalmem());
  });

  it('announces a topic in the moment in which a send creates it', async () => {
    const host = await start({ memory: true });
    const channel = await host.connector.connect('');
    expect(await route(channel, 'fresh')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    await send(channel, 'fresh');
    expect(await route(channel, 'fresh')).toMatchObject({ queueDatas: [{ writeQueueNums: 4 }] });
  });

  it('serves NameServer and broker requests on one port, and its address stands in the message ids', async () => {
    const host = await start({ memory: true, listen: 0, name: 'b', cluster: 'c' });
    expect(host.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const channel = await new TcpConnector({}, quiet.clock).connect(host.address!);
    const answer = await send(channel, 'orders', 'over tcp');
    expect(decodeOffsetMessageId((answer.header as { msgId: string }).msgId).host).toBe(host.address);
    expect(await route(channel, 'orders')).toMatchObject({
      brokerDatas: [{ cluster: 'c', brokerName: 'b', brokerAddrs: new Map([[0, host.address]]) }],
    });
    const pull = pullHeader('g', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    const pulled = await channel.invoke(createRequest(RequestCode.PULL_MESSAGE, pull), 5_000);
    expect(pulled.body!.includes('over tcp')).toBe(true);
    expect(host.summary()).toContain(`listening on ${host.address}`);
    await channel.close();
  });

  it('answers a waiting pull over TCP as soon as a message comes', async () => {
    // Time stands still there: nothing but the message answers it, no end of waiting and no look every now and then.
    const settings = { memory: true, listen: 0, topics: ['orders'] };
    const host = await start(settings, { ...quiet, clock: new VirtualClock() });
    const consumer = await new TcpConnector({}, quiet.clock).connect(host.address!);
    const producer = await new TcpConnector({}, quiet.clock).connect(host.address!);
    const header = pullHeader('g', 'orders', 0, 0, { sysFlag: 6, subscription: '*', suspendTimeoutMillis: 20_000 });
    const waiting = consumer.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 25_000);
    const held = async (): Promise<void> => {
      while (host.health().broker.heldPulls === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await held();
    await send(producer, 'orders', 'news');
    expect((await waiting).code).toBe(0);
    await Promise.all([consumer.close(), producer.close()]);
  });

  it('tells clients the address that it was told to tell them', async () => {
    const host = await start({
      memory: true,
      listen: { host: '127.0.0.1', port: 0 },
      advertisedAddress: 'broker.example:1234',
    });
    const channel = await host.connector.connect('');
    await send(channel, 'orders');
    expect(await route(channel, 'orders')).toMatchObject({
      brokerDatas: [{ brokerAddrs: new Map([[0, 'broker.example:1234']]) }],
    });
    expect(host.summary()).toContain('known to clients as broker.example:1234');
  });

  it('keeps messages and positions over a restart on the real disk', async () => {
    const store = await directory();
    const first = await start({ store, segmentBytes: 8 * 1024 * 1024 });
    expect(first.summary()).toContain(`store ${store}, synced before acknowledged`);
    expect((await send(await first.connector.connect(''), 'orders', 'kept')).code).toBe(0);
    await first.stop();
    const second = await start({ store });
    const channel = await second.connector.connect('');
    const header = pullHeader('g', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    const pulled = await channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 5_000);
    expect(pulled.body!.includes('kept')).toBe(true);
    expect(second.health()).toMatchObject({
      state: 'running',
      store: { state: 'open', cleanStart: true },
      connections: 1,
    });
  });

  it('has a store to itself: a second host learns who holds it and what to do', async () => {
    const store = await directory();
    const first = await start({ store, segmentBytes: 8 * 1024 * 1024 });
    const second = BrokerHost.start({ store }, quiet);
    await expect(second).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(new RegExp(`process ${process.pid} on .*Stop that process`)),
    });
    await first.stop();
    await (await start({ store })).stop();
  });

  it('gives everything back when it cannot start', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const store = await directory();
    await expect(BrokerHost.start({ store, listen: port }, quiet)).rejects.toMatchObject({ code: 'CONFIGURATION' });
    await new Promise((resolve) => taken.close(resolve));
    const host = await start({ store, listen: port, segmentBytes: 8 * 1024 * 1024 });
    expect(host.address).toBe(`127.0.0.1:${port}`);
  });

  it('acknowledges what is under way when it stops, and refuses what comes later', async () => {
    const host = await start(
      { store: '/s', segmentBytes: 8 * 1024 * 1024 },
      { ...quiet, fileSystem: new MemoryFileSystem() },
    );
    const channel = await host.connector.connect('');
    await send(channel, 'orders');
    const underWay = send(channel, 'orders');
    const stopping = host.stop();
    expect((await underWay).code).toBe(0);
    const late = await send(channel, 'orders').catch((error: { code: string }) => error);
    expect([ResponseCode.SERVICE_NOT_AVAILABLE, 'CHANNEL_CLOSED']).toContain(late.code);
    await stopping;
    await host.stop();
    expect(channel.closed).toBe(true);
    await expect(host.connector.connect('')).rejects.toMatchObject({ code: 'CONNECT_FAILED', retryable: true });
  });

  it('gives declared topics the queues that they lack and never takes any away', async () => {
    const platform = { ...quiet, fileSystem: new MemoryFileSystem() };
    const queuesAfter = async (queues: number | undefined) => {
      const host = await BrokerHost.start(
        { store: '/s', segmentBytes: 8 * 1024 * 1024, topics: [{ name: 'orders', queues }] },
        platform,
      );
      const found = await route(await host.connector.connect(''), 'orders');
      await host.stop();
      return typeof found === 'number' ? found : [found.queueDatas[0]!.writeQueueNums, found.orderTopicConf];
    };
    expect(await queuesAfter(2)).toEqual([2, undefined]);
    expect(await queuesAfter(6)).toEqual([6, 'nestmq:2']);
    expect(await queuesAfter(3)).toEqual([6, 'nestmq:2']);
    expect(await queuesAfter(undefined)).toEqual([6, 'nestmq:2']);
  });

  it.each([
    ['an unknown key', { stroe: './x' }, /stroe.*there are .*store/],
    ['an unknown key of retention', { retention: { days: 3 } }, /days.*there are ageMillis/],
    ['an unknown key of listen', { listen: { prot: 1 } }, /prot/],
    ['a wrong flush', { flush: 'never' }, /'sync' or 'async'/],
    ['a wrong port', { listen: 70_000 }, /port/],
    ['a name with a space', { name: 'my broker' }, /name/],
    ['a topic that is none', { topics: ['a b'] }, /topics\[0\].*a b/],
    ['a topic with no queues', { topics: [{ name: 'a', queues: 0 }] }, /topics\[0\].queues/],
    ['a store in memory', { memory: true, store: './x' }, /no meaning/],
    ['a tiny segment', { segmentBytes: 100 }, /segmentBytes/],
    ['an address for nobody', { advertisedAddress: '1.2.3.4:5' }, /without broker.listen/],
    ['an open port', { listen: { host: '0.0.0.0' } }, /other machines.*insecure/],
    ['a NameServer that leads nowhere', { nameServer: 'a:1' }, /nameServer needs broker.listen/],
    ['a NameServer that is none', { nameServer: 'a:1;b', listen: true }, /nameServer must be host:port/],
    ['no NameServer at all', { nameServer: ';', listen: true }, /nameServer must be host:port/],
    ['times to register nowhere', { registerMillis: 1_000 }, /without broker.nameServer/],
    ['times to register too rarely', { nameServer: 'a:1', registerMillis: 90_000 }, /registerMillis/],
    ['no object', 'broker' as unknown as object, /must be an object/],
  ])('refuses settings with %s, and says what may be', async (_what, settings, message) => {
    await expect(BrokerHost.start(settings as BrokerSettings, quiet)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(message),
    });
  });

  it('is of the version of its package', async () => {
    const { version } = JSON.parse(await readFile(join(process.cwd(), 'package.json'), 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
  });
});
