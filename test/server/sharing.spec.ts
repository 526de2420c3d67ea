import { afterEach, describe, expect, it } from '@jest/globals';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeFileSystem, type Platform, silentLogger, SystemClock, systemPlatform } from '../../lib/platform/index.js';
import {
  createRequest,
  decodeLockBatchResponseBody,
  encodeLockBatchRequestBody,
  ExtensionCode,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { type Channel, TcpConnector, TcpServer, unixAddress } from '../../lib/remoting/index.js';
import { BrokerHost, type BrokerSettings, type ProcessIdentity, SharedBroker } from '../../lib/server/index.js';
import { giveLifeSign } from '../../lib/server/sharing/life-sign.js';
import { pullHeader, sendHeader, TestClient } from '../broker/harness.js';
import { until } from '../nest/support/until.js';
import { MemoryLogger } from '../remoting/support.js';
import { ClockOfShortPauses, HastyClock, patientClock } from './clocks.js';

/** A path that no socket fits in. */
const LONG = 'a-directory-name-that-is-as-long-as-those-of-projects-are/'.repeat(4);

describe('a store that processes share', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  let pid = 100_000;
  const another = (): ProcessIdentity => ({ pid: ++pid, hostName: hostname(), startedAt: 1_767_225_600_000 });
  const quiet = (parts: Partial<Platform> = {}): Platform => systemPlatform({ logger: silentLogger, ...parts });
  const directory = async (below = ''): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'nestmq-share-'));
    cleanups.push(() => rm(path, { recursive: true, force: true }));
    return join(path, below, 'store');
  };
  const open = async (
    store: string,
    platform = quiet(),
    settings: BrokerSettings = {},
    identity = another(),
  ): Promise<SharedBroker> => {
    const broker = await SharedBroker.open({ store, segmentBytes: 8 * 1024 * 1024, ...settings }, platform, identity);
    cleanups.push(() => broker.close());
    return broker;
  };
  const send = (channel: Channel, body: string) =>
    channel.invoke(createRequest(RequestCode.SEND_MESSAGE_V2, sendHeader('orders'), Buffer.from(body)), 5_000);
  const stored = async (broker: SharedBroker): Promise<string> => {
    const channel = await broker.connector.connect('');
    const header = pullHeader('g', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    const { body } = await channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 5_000);
    await channel.close();
    return body?.toString('latin1') ?? '';
  };

  it.each([
    ['', 'in the store'],
    [LONG, 'elsewhere, because the path is too long for it'],
  ])(
    'is hosted by the first and joined by the others, through a socket of this user alone %#',
    async (below, where) => {
      const store = await directory(below);
      const first = await open(store);
      const second = await open(store);
      expect([first.sharing()!.role, second.sharing()!.role]).toEqual(['host', 'joined']);
      expect(second.sharing()!.hostPid).toBe(first.sharing()!.hostPid);
      expect(second.host).toBeUndefined();
      expect(second.summary()).toContain(`has joined the broker of process ${first.sharing()!.hostPid}`);
      expect(first.sharing()!.joined).toMatchObject([{ pid, format: 1 }]);

      const { socket } = JSON.parse(await readFile(`${store}/lock`, 'utf8')) as { socket: string };
      expect(first.summary()).toContain(`join through ${socket}`);
      expect(socket.startsWith(store)).toBe(where === 'in the store');
      expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(100);
      expect((await stat(socket)).mode & 0o777).toBe(0o600);
      expect((await stat(join(socket, '..'))).mode & 0o777).toBe(0o700);

      expect((await send(await second.connector.connect(''), 'from the second')).code).toBe(0);
      expect((await send(await first.connector.connect(''), 'from the first')).code).toBe(0);
      expect(await stored(second)).toMatch(/from the second.*from the first/s);
      await second.close();
      await until(() => first.sharing()!.joined.length === 0, 'the host sees that it left');
      await first.close();
      expect(await readdir(join(socket, '..'))).not.toContain('socket');
    },
  );

  it('goes over to a joined process when the host leaves, and to the next one after that', async () => {
    const store = await directory();
    const platform = quiet({ clock: new ClockOfShortPauses() });
    const brokers = [await open(store, platform), await open(store, platform), await open(store, platform)];
    const channel = await brokers[2]!.connector.connect('');
    for (const n of [0, 1]) {
      expect((await send(await brokers[n]!.connector.connect(''), `message ${n}`)).code).toBe(0);
      await brokers[n]!.close();
      await until(() => brokers.slice(n + 1).every((broker) => broker.sharing()!.role !== 'seeking'), 'a new host');
      const roles = brokers.slice(n + 1).map((broker) => broker.sharing()!.role);
      expect(roles.filter((role) => role === 'host')).toHaveLength(1);
      // It may be either of the two; the test goes on with that one.
      if (roles[0] !== 'host') brokers.splice(n + 1, 2, brokers[n + 2]!, brokers[n + 1]!);
    }
    expect(channel.closed).toBe(true);
    expect(await stored(brokers[2]!)).toMatch(/message 0.*message 1/s);
    await expect(brokers[0]!.connector.connect('')).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });

  it('has a client that connects between two hosts wait for the next one', async () => {
    const store = await directory();
    const [first, second] = [await open(store), await open(store, quiet({ clock: patientClock() }))];
    const closing = first.close();
    const connecting = second.connector.connect('');
    expect((await send(await connecting, 'waited')).code).toBe(0);
    await closing;
    expect(second.sharing()!.role).toBe('host');
  });

  it('has one host when many come at the same moment', async () => {
    const store = await directory();
    const brokers = await Promise.all([1, 2, 3, 4, 5].map(() => open(store)));
    const roles = brokers.map((broker) => broker.sharing()!.role).toSorted();
    expect(roles).toEqual(['host', 'joined', 'joined', 'joined', 'joined']);
    expect(new Set(brokers.map((broker) => broker.sharing()!.hostPid)).size).toBe(1);
  });

  it('is used once in a process: a second name on it is refused, by the host as well as beside it', async () => {
    const store = await directory();
    const [own, guest] = [another(), another()];
    await open(store, quiet(), {}, own);
    await open(store, quiet(), {}, guest);
    for (const identity of [own, guest]) {
      await expect(open(store, quiet(), {}, identity)).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: expect.stringMatching(/Use one connection for it/),
      });
    }
  });

  it('is not shared when told so, nor in memory', async () => {
    const store = await directory();
    const alone = await open(store, quiet(), { share: false });
    expect(await readdir(store)).not.toContain('local');
    await expect(open(store, quiet(), { share: false })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`process ${process.pid} on`),
    });
    const late = expect(open(store, quiet({ clock: new HastyClock() }))).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(
        new RegExp(`process ${process.pid} on .* for 15 s\\. That process does not share it\\. Stop that process`),
      ),
    });
    await late;
    await alone.close();
    const memory = await SharedBroker.open({ memory: true }, quiet());
    expect([memory.sharing(), memory.host?.health().state]).toEqual([undefined, 'running']);
    await memory.close();
    await expect(SharedBroker.open({ memory: true, share: true }, quiet())).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('broker.share has no meaning with broker.memory'),
    });
  });

  it('is waited for: a host that does not share goes, and the next one takes over', async () => {
    const store = await directory();
    const alone = await BrokerHost.start({ store, segmentBytes: 8 * 1024 * 1024 }, quiet());
    const opening = open(store);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await alone.stop();
    expect((await opening).sharing()!.role).toBe('host');
  });

  it('has a socket that outlived its host replaced', async () => {
    const store = await directory();
    await mkdir(`${store}/local`, { recursive: true, mode: 0o700 });
    const stale = createServer();
    await new Promise<void>((resolve) => void stale.listen(`${store}/local/left`, resolve));
    await cp(`${store}/local/left`, `${store}/local/socket`).catch(() => writeFile(`${store}/local/socket`, ''));
    await new Promise((resolve) => stale.close(resolve));
    await writeFile(
      `${store}/lock`,
      JSON.stringify({ pid: 1, host: 'x', startedAt: 1, socket: `${store}/local/socket` }),
    );
    const [first, second] = [await open(store), await open(store)];
    expect([first.sharing()!.role, second.sharing()!.role]).toEqual(['host', 'joined']);
  });

  it('is hosted without others where the directory of the socket is open to other users', async () => {
    const store = await directory();
    await mkdir(`${store}/local`, { recursive: true, mode: 0o755 });
    const first = await open(store);
    const { socket } = JSON.parse(await readFile(`${store}/lock`, 'utf8')) as { socket: string };
    expect(socket.startsWith(store)).toBe(false);
    expect((await open(store)).sharing()!.role).toBe('joined');
    await first.close();
  });

  it('is given back by a host that cannot start, and taken by the next one', async () => {
    const store = await directory();
    const full = new Proxy(new NodeFileSystem(), {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (name === 'open') {
          return async (path: string, mode: 'create' | 'write' | 'read') => {
            if (mode === 'create') throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
            return target.open(path, mode);
          };
        }
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
    await expect(open(store, quiet({ fileSystem: full }))).rejects.toThrow(/ENOSPC|DISK_FULL|no room|no space/);
    const healthy = await open(store);
    expect(healthy.sharing()!.role).toBe('host');

    // The same later on: who joins with such a disk does not take over, and says why.
    const logger = new MemoryLogger();
    const broken = new Proxy(full, {
      get: (target, name) =>
        name === 'open'
          ? async (path: string, mode: 'create' | 'write' | 'read') => {
              if (mode === 'write') throw Object.assign(new Error('EIO: broken'), { code: 'EIO' });
              return target.open(path, mode);
            }
          : (Reflect.get(target, name) as unknown),
    });
    const joined = await open(store, quiet({ fileSystem: broken, logger }));
    await healthy.close();
    await until(() => joined.sharing()!.problem !== undefined, 'it tries in vain');
    expect(joined.sharing()).toMatchObject({ role: 'seeking', hostPid: undefined });
    expect(logger.lines).toContain(joined.sharing()!.problem);
    await expect(joined.connector.connect('')).rejects.toMatchObject({ code: 'CONNECT_FAILED', retryable: true });
    const next = await open(store);
    expect(next.sharing()!.role).toBe('host');
    await until(() => joined.sharing()!.role === 'joined', 'it joins who can');
  });

  /** A host of another make, that has the lock of the store and answers what it is told to. */
  const strangeHost = async (store: string, answer: (channel: Channel) => void): Promise<void> => {
    const fileSystem = new NodeFileSystem();
    await mkdir(store, { recursive: true });
    const lock = await fileSystem.lock(`${store}/lock`);
    if ('holder' in lock) throw new Error('the lock is taken');
    const path = `${store}/strange`;
    const server = await TcpServer.listen({ path, onChannel: answer }, new SystemClock(), silentLogger);
    await lock.describe(JSON.stringify({ pid: 4711, host: 'here', since: 'today', startedAt: 1, socket: path }));
    cleanups.push(async () => {
      await server.close();
      await lock.release();
    });
  };

  it('is not joined through a host that has another store, or one of a newer format', async () => {
    const store = await directory();
    await (await open(store)).close();
    const { storeId } = JSON.parse(await readFile(`${store}/store.json`, 'utf8')) as { storeId: string };
    let facts = { storeId: 'another', format: 1, version: '9.9.9', pid: 4711 };
    await strangeHost(store, (channel) =>
      channel.onRequest((_request, _channel, respond) => {
        const header = { ...facts };
        respond({ ...createRequest(0, header), flag: 1, code: ResponseCode.SUCCESS });
      }),
    );
    await expect(open(store)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(/Process 4711.*another store open.*copied or replaced/),
    });
    facts = { ...facts, storeId, format: 2 };
    await expect(open(store)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      message: expect.stringMatching(/process 4711 \(nestmq 9\.9\.9\) with the format 2.*reads up to 1/),
    });
    facts = { ...facts, format: 1 };
    expect((await open(store)).sharing()).toMatchObject({ role: 'joined', hostPid: 4711 });
  });

  it('is joined by no process of another way of sharing, and none that could not take over; nobody is served before', async () => {
    const store = await directory();
    const host = await open(store);
    const { socket } = JSON.parse(await readFile(`${store}/lock`, 'utf8')) as { socket: string };
    const platform = quiet();
    const channel = await new TcpConnector({}, platform.clock).connect(unixAddress(socket));
    cleanups.push(() => channel.close());
    const me = {
      pid: 5,
      hostName: 'x',
      startedAt: 5,
      joinId: 'a',
      lifeSign: false,
      version: '0.0.9',
      watch: false,
      sharing: 1,
      format: 1,
    };
    const ask = (change: object) =>
      channel.invoke(createRequest(ExtensionCode.JOIN_STORE, { ...me, ...change }), 5_000);
    const early = await send(channel, 'early');
    expect([early.code, early.remark]).toEqual([
      ResponseCode.NO_PERMISSION,
      expect.stringContaining('begins with joining'),
    ]);
    expect((await ask({ sharing: 2 })).remark).toMatch(/^STORE_NEWER: process \d+ .*another way than nestmq 0\.0\.9/);
    expect((await ask({ format: 0 })).remark).toMatch(/^STORE_NEWER: .*format 1.*reads up to 0.*Update it/);
    expect((await send(channel, 'still early')).code).toBe(ResponseCode.NO_PERMISSION);
    expect((await ask({})).code).toBe(ResponseCode.SUCCESS);
    expect((await send(channel, 'in time')).code).toBe(ResponseCode.SUCCESS);
    expect(host.sharing()!.joined).toEqual([]);
  });

  it('has the queues of a process that has died free at once, and keeps those of one whose connection broke', async () => {
    const store = await directory();
    const host = await open(store);
    const { socket } = JSON.parse(await readFile(`${store}/lock`, 'utf8')) as { socket: string };
    const platform = quiet();
    const queue = { topic: 'orders', brokerName: 'nestmq', queueId: 0 };
    const join = async (joinId: string, watch: boolean): Promise<Channel> => {
      const channel = await new TcpConnector({}, platform.clock).connect(unixAddress(socket));
      cleanups.push(() => channel.close());
      const header = { pid: 5, hostName: joinId, startedAt: 5, joinId, version: '1', sharing: 1, format: 1 };
      const request = createRequest(ExtensionCode.JOIN_STORE, { ...header, watch, lifeSign: true });
      expect((await channel.invoke(request, 5_000)).code).toBe(ResponseCode.SUCCESS);
      return channel;
    };
    const member = async (channel: Channel, clientId: string): Promise<Channel> => {
      await new TestClient(channel, clientId).join('g', 'orders');
      return channel;
    };
    const locks = async (channel: Channel, clientId: string): Promise<boolean> => {
      const body = encodeLockBatchRequestBody({ consumerGroup: 'g', clientId, mqSet: [queue] });
      const answer = await channel.invoke(createRequest(RequestCode.LOCK_BATCH_MQ, {}, body), 5_000);
      return decodeLockBatchResponseBody(answer.body!).lockOKMQSet.length > 0;
    };
    await send(await host.connector.connect(''), 'x');
    const other = await member(await join('b1', false), 'other');

    const sign = await giveLifeSign(new NodeFileSystem(), store, 'a1');
    const [watch, channel] = [await join('a1', true), await member(await join('a1', false), 'one')];
    expect([await locks(channel, 'one'), await locks(other, 'other')]).toEqual([true, false]);
    await Promise.all([watch.close(), channel.close()]);
    await until(() => host.sharing()!.joined.length === 0, 'the host sees that the connection broke');
    for (let asked = 0; asked < 5; asked++) expect(await locks(other, 'other')).toBe(false);
    await sign!.release();
    let free = false;
    const began = performance.now();
    while (!free && performance.now() - began < 20_000) free = await locks(other, 'other');
    expect(free).toBe(true);
  });

  it('whose holder does not answer is an error after 15 s that names it; a joined process says so, and goes on when it answers', async () => {
    const store = await directory();
    await (await open(store)).close();
    const { storeId } = JSON.parse(await readFile(`${store}/store.json`, 'utf8')) as { storeId: string };
    let stuck = true;
    let answerAll: (() => void)[] = [];
    await strangeHost(store, (channel) =>
      channel.onRequest((_request, _channel, respond) => {
        const header = { storeId, format: 1, version: '1', pid: 4711 };
        const answer = (): void => respond({ ...createRequest(0, header), flag: 1, code: ResponseCode.SUCCESS });
        if (stuck) answerAll.push(answer);
        else answer();
      }),
    );
    const began = performance.now();
    await expect(open(store, quiet({ clock: new HastyClock() }))).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(/in use by process 4711 on here.*for 15 s.*did not answer.*Stop that process/),
    });
    expect(performance.now() - began).toBeGreaterThan(1_490);

    stuck = false;
    const logger = new MemoryLogger();
    const joined = await open(store, quiet({ clock: new HastyClock(), logger }));
    stuck = true;
    answerAll = [];
    await until(() => joined.sharing()!.problem !== undefined, 'the silence is noticed');
    expect(joined.sharing()).toMatchObject({ role: 'joined', problem: expect.stringContaining('process 4711') });
    stuck = false;
    for (const answer of answerAll) answer();
    await until(() => joined.sharing()!.problem === undefined, 'it answers again');
    expect(logger.lines.at(-1)).toBe('Process 4711 answers again.');
  });
});
