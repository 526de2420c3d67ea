import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import {
  createRequest,
  decodeClusterInfo,
  decodeTopicRouteData,
  RequestCode,
  ResponseCode,
  type TopicRouteData,
} from '../../lib/protocol/index.js';
import { TcpConnector } from '../../lib/remoting/index.js';
import { BrokerHost, type BrokerSettings, NameServerHost, type NameServerSettings } from '../../lib/server/index.js';
import { sendHeader } from '../broker/harness.js';
import { freePort } from '../support/free-port.js';

const warnings: string[] = [];
const quiet = systemPlatform({ logger: { ...silentLogger, warn: (message: string) => void warnings.push(message) } });

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 25_000; !(await condition());) {
    if (Date.now() > end) throw new Error(`It did not come to pass: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('brokers and NameServers as processes of their own', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    warnings.length = 0;
  });

  const nameServer = async (settings: NameServerSettings = {}): Promise<NameServerHost> => {
    const host = await NameServerHost.start({ listen: 0, memory: true, ...settings }, quiet);
    cleanups.push(() => host.stop());
    return host;
  };
  const broker = async (name: string, names: string, settings: BrokerSettings = {}): Promise<BrokerHost> => {
    const host = await BrokerHost.start({ memory: true, listen: 0, name, nameServer: names, ...settings }, quiet);
    cleanups.push(() => host.stop());
    return host;
  };
  const ask = async (address: string, code: number, header: object = {}, body?: Buffer) => {
    const channel = await new TcpConnector({}, quiet.clock).connect(address);
    try {
      return await channel.invoke(createRequest(code, header, body), 20_000);
    } finally {
      await channel.close();
    }
  };
  const route = async (address: string, topic: string): Promise<TopicRouteData | undefined> => {
    const { code, body } = await ask(address, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic });
    return code === 0 ? decodeTopicRouteData(body!) : undefined;
  };
  const brokersOf = async (address: string, topic: string): Promise<string[]> =>
    ((await route(address, topic))?.queueDatas ?? []).map(({ brokerName }) => brokerName);
  const send = (host: BrokerHost, topic: string) =>
    ask(host.address!, RequestCode.SEND_MESSAGE_V2, sendHeader(topic), Buffer.from('x'));

  it('are found by clients, with the topics that RocketMQ has by cluster and broker', async () => {
    const names = await nameServer();
    const hosts = [
      await broker('a', names.address, { topics: ['orders'] }),
      await broker('b', names.address, { topics: ['orders', { name: 'narrow', queues: 2 }] }),
    ];
    const { brokerAddrTable, clusterAddrTable } = decodeClusterInfo(
      (await ask(names.address, RequestCode.GET_BROKER_CLUSTER_INFO)).body!,
    );
    expect([...brokerAddrTable.values()].map(({ brokerAddrs }) => brokerAddrs.get(0))).toEqual(
      hosts.map(({ address }) => address),
    );
    expect(clusterAddrTable.get('DefaultCluster')).toEqual(['a', 'b']);
    for (const topic of ['orders', 'DefaultCluster', 'TBW102', 'DefaultCluster_REPLY_TOPIC'])
      expect(await brokersOf(names.address, topic)).toEqual(['a', 'b']);
    expect(await route(names.address, 'narrow')).toMatchObject({
      queueDatas: [{ brokerName: 'b', writeQueueNums: 2 }],
    });
    expect(names.health()).toMatchObject({ state: 'running', brokers: 2 });
    expect(hosts[0]!.summary()).toContain(`registers at the NameServer ${names.address}`);
    expect(names.summary()).toContain(`listening on ${names.address}`);
  });

  it('serve no NameServer requests when they register elsewhere', async () => {
    const host = await broker('a', (await nameServer()).address);
    const { code } = await ask(host.address!, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: 'TBW102' });
    expect(code).toBe(ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
  });

  it('announce topics in the moment in which they come and go', async () => {
    const names = await nameServer();
    const host = await broker('a', names.address);
    expect((await send(host, 'fresh')).code).toBe(0);
    expect(await brokersOf(names.address, 'fresh')).toEqual(['a']);
    await ask(host.address!, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'fresh' });
    expect(await brokersOf(names.address, 'fresh')).toEqual([]);
  });

  it('leave the routes when they are stopped, and say so themselves', async () => {
    const names = await nameServer();
    const [a] = [
      await broker('a', names.address, { topics: ['orders'] }),
      await broker('b', names.address, { topics: ['orders'] }),
    ];
    await a!.stop();
    expect(await brokersOf(names.address, 'orders')).toEqual(['b']);
    expect(warnings.filter((warning) => warning.includes('closed its connection'))).toEqual([]);
  });

  it('register again at a NameServer that has lost everything', async () => {
    const port = await freePort();
    const before = await nameServer({ listen: port });
    const host = await broker('a', before.address, { topics: ['orders'] });
    await before.stop();
    await until(() => host.health().registrations.every(({ registered }) => !registered));
    // What changes meanwhile does not wait for it.
    expect((await send(host, 'fresh')).code).toBe(0);
    const after = await nameServer({ listen: port });
    await until(async () => (await brokersOf(after.address, 'fresh')).length === 1);
    expect(await brokersOf(after.address, 'orders')).toEqual(['a']);
    expect(host.health().registrations).toEqual([{ nameServer: after.address, registered: true, failure: undefined }]);
    // Said once for each reason, however often it was tried.
    const said = warnings.filter((warning) => warning.includes('is not registered at'));
    expect(new Set(said).size).toBe(said.length);
  });

  it('start without any NameServer, and register at each when it is there', async () => {
    const ports = [await freePort(), await freePort()];
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const host = await broker('a', addresses.join(';'), { topics: ['orders'] });
    expect(host.health().registrations.map(({ registered, failure }) => [registered, failure])).toEqual([
      [false, expect.stringContaining('nothing listens there')],
      [false, expect.stringContaining('nothing listens there')],
    ]);
    for (const [index, address] of addresses.entries()) {
      await nameServer({ listen: ports[index]! });
      await until(async () => (await brokersOf(address, 'orders')).length === 1);
    }
  });

  it('are not held up by a NameServer that takes connections and says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const names = await nameServer();
    const both = `127.0.0.1:${(silent.address() as AddressInfo).port};${names.address}`;
    const starting = broker('a', both, { topics: ['orders'] });
    await until(async () => (await brokersOf(names.address, 'orders')).length === 1);
    const host = await starting;
    expect((await send(host, 'fresh')).code).toBe(0);
    expect(await brokersOf(names.address, 'fresh')).toEqual(['a']);
  });

  it('are told when their name is taken', async () => {
    const names = await nameServer();
    const first = await broker('a', names.address, { topics: ['orders'] });
    const second = await broker('a', names.address);
    expect(second.health().registrations).toMatchObject([
      { registered: false, failure: expect.stringContaining(`held by the broker at ${first.address}`) },
    ]);
    expect(await route(names.address, 'orders')).toMatchObject({
      brokerDatas: [{ brokerAddrs: new Map([[0, first.address]]) }],
    });
    await first.stop();
    await until(() => second.health().registrations[0]!.registered);
  });

  it('are forgotten after a silence, and stay as long as they register', async () => {
    const names = await nameServer({ brokerExpiryMillis: 600, scanMillis: 100 });
    await broker('a', names.address, { registerMillis: 100, topics: ['orders'] });
    await broker('b', names.address, { registerMillis: 60_000, topics: ['orders'] });
    await until(async () => (await brokersOf(names.address, 'orders')).join() === 'a');
  });

  it('keep what administrators set down, each NameServer in a directory of its own', async () => {
    const store = await mkdtemp(join(tmpdir(), 'nestmq-namesrv-'));
    cleanups.push(() => rm(store, { recursive: true, force: true }));
    const settings = { memory: false, store };
    const before = await nameServer(settings);
    await ask(before.address, RequestCode.PUT_KV_CONFIG, {
      namespace: 'ORDER_TOPIC_CONFIG',
      key: 'orders',
      value: 'a:4',
    });
    await expect(nameServer(settings)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await before.stop();
    const after = await nameServer(settings);
    await broker('a', after.address, { topics: ['orders'] });
    expect(await route(after.address, 'orders')).toMatchObject({ orderTopicConf: 'a:4' });
    expect(after.summary()).toContain(store);
  });

  it.each([
    ['an unknown key', { port: 9876 }, /nameServer has no setting "port"/],
    ['an open port', { listen: { host: '0.0.0.0' } }, /nameServer.listen would open.*nameServer.insecure/],
    ['no port', { listen: false }, /nameServer.listen must be/],
    ['a store in memory', { memory: true, store: './x' }, /no meaning/],
    ['an endless expiry', { brokerExpiryMillis: Infinity }, /brokerExpiryMillis/],
  ])('refuse settings of a NameServer with %s', async (_what, settings, message) => {
    await expect(NameServerHost.start(settings as NameServerSettings, quiet)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(message),
    });
  });
});
