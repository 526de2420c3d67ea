import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Platform,
  SeededRandom,
  SimulatedFileSystem,
  SystemClock,
  systemPlatform,
  VirtualClock,
} from '../../lib/platform/index.js';
import { createRequest, type RemotingCommand, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { type Channel, TcpConnector } from '../../lib/remoting/index.js';
import {
  type BrokerSettings,
  BrokerHost,
  type ProcessIdentity,
  SharedBroker,
  WorkerBroker,
} from '../../lib/server/index.js';
import { pullHeader, sendHeader } from '../broker/harness.js';
import { until } from '../nest/support/until.js';
import { MemoryLogger } from '../remoting/support.js';
import { patientClock } from './clocks.js';

/** Ends the thread where it stands, as a fault in it would. */
const crash = (broker: WorkerBroker): Promise<number> => broker['worker']!['worker'].terminate();

describe('a broker in a thread of its own', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const directory = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'nestmq-worker-'));
    cleanups.push(() => rm(path, { recursive: true, force: true }));
    return join(path, 'store');
  };
  const open = async (
    settings: BrokerSettings = { memory: true },
    platform: Platform = systemPlatform({ logger: new MemoryLogger() }),
  ): Promise<WorkerBroker> => {
    const broker = await WorkerBroker.open(settings, platform);
    cleanups.push(() => broker.close());
    return broker;
  };
  const send = (channel: Channel, body: string, timeout = 5_000): Promise<RemotingCommand> =>
    channel.invoke(createRequest(RequestCode.SEND_MESSAGE_V2, sendHeader('orders'), Buffer.from(body)), timeout);
  const stored = async (channel: Channel): Promise<string> => {
    const header = pullHeader('g', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    const { body } = await channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 5_000);
    return body?.toString('latin1') ?? '';
  };

  it('stores what is sent, gives it out, says how it is, and is inline again on the same store afterwards', async () => {
    const store = await directory();
    const broker = await open({ store, segmentBytes: 8 * 1024 * 1024 });
    expect(broker.summary()).toMatch(/store .*store, synced .* the broker has a thread of its own$/);
    const channel = await broker.connector.connect('');
    expect((await send(channel, 'from here')).code).toBe(ResponseCode.SUCCESS);
    expect(await stored(channel)).toContain('from here');

    const inline = await BrokerHost.start({ memory: true }, systemPlatform({ logger: new MemoryLogger() }));
    cleanups.push(() => inline.stop());
    const { host, sharing, problem, restarts } = await broker.report(5_000);
    expect([sharing?.role, sharing?.hostPid, problem, restarts]).toEqual(['host', process.pid, undefined, 0]);
    expect(host).toMatchObject({ state: 'running', connections: 1, broker: { messagesIn: 1 } });
    expect(Object.keys(host!.store)).toEqual(Object.keys(inline.health().store));
    expect(typeof host!.store.flushes.count).toBe('number');

    await broker.close();
    expect(channel.closed).toBe(true);
    await expect(broker.connector.connect('')).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    const again = await SharedBroker.open({ store }, systemPlatform({ logger: new MemoryLogger() }));
    cleanups.push(() => again.close());
    expect(again.host!.health().store.cleanStart).toBe(true);
    expect(await stored(await again.connector.connect(''))).toContain('from here');
  });

  it('listens for others, with everything that its settings say', async () => {
    const broker = await open({ memory: true, listen: 0, name: 'threaded', topics: [{ name: 'orders', queues: 1 }] });
    const address = /listening on ([^;,]+)/.exec(broker.summary())?.[1];
    const remote = await new TcpConnector({}, systemPlatform().clock).connect(address!);
    cleanups.push(() => remote.close());
    expect((await send(remote, 'from afar')).code).toBe(ResponseCode.SUCCESS);
    expect(await stored(await broker.connector.connect(''))).toContain('from afar');
    expect(broker.summary()).toContain('threaded');
  });

  it('fails to start as a broker here does: with the code, the message and the cause, and no thread left', async () => {
    const store = await directory();
    const taken = await BrokerHost.start({ listen: 0, memory: true }, systemPlatform({ logger: new MemoryLogger() }));
    cleanups.push(() => taken.stop());
    const port = Number(taken.address!.split(':')[1]);
    const failure = await open({ memory: true, listen: port }).catch((error: unknown) => error);
    const inline = await SharedBroker.open({ memory: true, listen: port }, systemPlatform()).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf((inline as object).constructor as never);
    const { code, message, retryable } = inline as Error & { code: string; retryable: boolean };
    expect(failure).toMatchObject({ code, message, retryable });

    await open({ store });
    await expect(open({ store })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining('in use by this process itself'),
    });
  });

  it.each([
    [{ retention: { ageMillis: () => 1 } }, 'broker.retention.ageMillis'],
    [{ topics: [{ name: 'orders', dedup: new Map() }] }, 'broker.topics[0].dedup'],
    [{ memory: true, flush: 'never' }, 'broker.flush'],
    [{ run: 'worker' }, 'run'],
  ])('refuses at once what cannot cross or is wrong, and names it %#', async (settings, named) => {
    await expect(open(settings as never)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining(named),
    });
  });

  it.each([
    ['fileSystem', new SimulatedFileSystem()],
    ['clock', new VirtualClock()],
    ['random', new SeededRandom(1)],
  ])('refuses a platform whose %s is not the real one', async (name, part) => {
    await expect(open({ memory: true }, systemPlatform({ [name]: part }))).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(
        new RegExp(`broker\\.run: 'worker'.* ${name} of your own \\(${part.constructor.name}\\)`),
      ),
    });
  });

  it('that crashes breaks what is under way off retryably, says so, and comes back with what it acknowledged', async () => {
    const store = await directory();
    const logger = new MemoryLogger();
    const platform = systemPlatform({ logger, clock: patientClock() });
    const broker = await open({ store, segmentBytes: 8 * 1024 * 1024 }, platform);
    const channel = await broker.connector.connect('');
    let told: Error | undefined;
    channel.onClose((cause) => (told = cause));
    await send(channel, 'acknowledged');
    const header = pullHeader('g', 'orders', 0, 1, { sysFlag: 6, subscription: '*', suspendTimeoutMillis: 20_000 });
    const waiting = channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 30_000);
    const broken = expect(waiting).rejects.toMatchObject({ code: 'CHANNEL_CLOSED', retryable: true });
    await crash(broker);
    await broken;
    // Who sees it first tells: the port closes and the thread exits in no order that is promised.
    expect(told?.message).toMatch(/thread (at its other end|of the broker) has ended/);
    const { problem, host } = await broker.report(5_000);
    expect([problem, host]).toEqual([expect.stringContaining('is being started again'), undefined]);
    expect(broker.summary()).toContain('has crashed');

    // A client that connects meanwhile waits for the next thread.
    const next = await broker.connector.connect('');
    expect(await stored(next)).toContain('acknowledged');
    expect((await send(next, 'afterwards')).code).toBe(ResponseCode.SUCCESS);
    expect(await broker.report(5_000)).toMatchObject({ problem: undefined, restarts: 1 });
    expect(logger.lines.filter((line) => /exit code 1\. It is started again/.test(line))).toHaveLength(1);
    expect(logger.lines).toContainEqual(expect.stringMatching(/^After \d+ ms: .*thread of its own$/));
  });

  it('that crashes while its store cannot be opened again tries with pauses, says why once, and can be closed meanwhile', async () => {
    const store = await directory();
    const logger = new MemoryLogger();
    const clock = new SystemClock();
    const platform = systemPlatform({ logger, clock });
    const broker = await open({ store, share: false, segmentBytes: 8 * 1024 * 1024 }, platform);
    const worker = broker['worker']!;
    const thief = new Promise((resolve) => worker['worker'].once('exit', resolve)).then(() =>
      BrokerHost.start({ store }, systemPlatform({ logger: new MemoryLogger() })),
    );
    // The pause before the next thread ends when the thief is there: otherwise the thread might be first.
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (milliseconds, signal) => thief.then(() => sleep(milliseconds, signal));
    await crash(broker);
    const stolen = await thief;
    cleanups.push(() => stolen.stop());
    await until(() => logger.lines.filter((line) => line.includes('is in use by')).length > 0, 'the lock is missed');
    expect((await broker.report(1_000)).problem).toContain('is in use by');
    await expect(broker.connector.connect('')).rejects.toMatchObject({ code: 'CONNECT_FAILED', retryable: true });
    expect(logger.lines.filter((line) => line.includes('is in use by'))).toHaveLength(1);
    await broker.close();
  });

  it('joins the broker of another process, and relays to it', async () => {
    const store = await directory();
    const elsewhere: ProcessIdentity = { pid: 4_000_000, hostName: 'other', startedAt: 1 };
    const settings = { store, segmentBytes: 8 * 1024 * 1024 };
    const hosting = await SharedBroker.open(settings, systemPlatform({ logger: new MemoryLogger() }), elsewhere);
    cleanups.push(() => hosting.close());
    const broker = await open(settings);
    expect((await broker.report(5_000)).sharing).toMatchObject({ role: 'joined', hostPid: 4_000_000 });
    const channel = await broker.connector.connect('');
    expect((await send(channel, 'over there')).code).toBe(ResponseCode.SUCCESS);
    expect(await stored(channel)).toContain('over there');
    expect(await stored(await hosting.connector.connect(''))).toContain('over there');
    // The host goes: whoever asks next finds that the thread has taken over.
    await hosting.close();
    await until(() => channel.closed, 'the channel to the old host closes');
    expect(await stored(await broker.connector.connect(''))).toContain('over there');
    expect((await broker.report(5_000)).sharing?.role).toBe('host');
  });

  it('answers what is under way before it closes', async () => {
    const broker = await open({ store: await directory(), segmentBytes: 8 * 1024 * 1024 });
    const channel = await broker.connector.connect('');
    // The first one makes the topic.
    await send(channel, 'first');
    const sends = Array.from({ length: 200 }, (_, index) => send(channel, `n${index}`));
    const closed = broker.close();
    const answers = await Promise.all(sends);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([ResponseCode.SUCCESS]));
    await closed;
  });
});
