import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FileSystem, MemoryFileSystem, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { decodeLockBatchResponseBody, encodeLockBatchRequestBody, RequestCode } from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

const body = (client: TestClient, queues: number[]): Buffer =>
  encodeLockBatchRequestBody({
    consumerGroup: 'billing',
    clientId: client.clientId,
    mqSet: queues.map((queueId) => ({ topic: 'orders', brokerName: 'nestmq', queueId })),
  });
const lock = async (client: TestClient, ...queues: number[]): Promise<number[]> => {
  const response = await client.invoke(RequestCode.LOCK_BATCH_MQ, {}, body(client, queues));
  return decodeLockBatchResponseBody(response.body!).lockOKMQSet.map(({ queueId }) => queueId);
};
const unlock = (client: TestClient, ...queues: number[]) =>
  client.invoke(RequestCode.UNLOCK_BATCH_MQ, {}, body(client, queues));
const unregister = (client: TestClient) =>
  client.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: client.clientId, consumerGroup: 'billing' });

const files = async (disk: FileSystem): Promise<string[]> =>
  (await disk.list('/store/state')).filter((name) => name.startsWith('locks'));
const bytes = async (disk: FileSystem): Promise<number> => {
  let sum = 0;
  for (const name of await files(disk)) {
    const file = await disk.open(`/store/state/${name}`, 'read');
    sum += await file.size();
    await file.close();
  }
  return sum;
};

describe('queue locks', () => {
  let disk: MemoryFileSystem;
  let broker: TestBroker;

  const join = async (clientId: string, remoteAddress?: string): Promise<TestClient> => {
    const client = broker.client(clientId, remoteAddress);
    await client.join('billing', 'orders');
    return client;
  };
  const remote = (clientId: string) => join(clientId, '10.0.0.7:5000');
  /** What clients see of a killed broker: nothing is closed in order. */
  const crash = async (): Promise<void> => {
    broker = await TestBroker.start({}, disk);
  };

  beforeEach(async () => {
    disk = new MemoryFileSystem();
    broker = await TestBroker.start({ defaultQueues: 8 }, disk);
    await broker.client().sent('orders', 'x', { defaultTopicQueueNums: 8 });
  });
  afterEach(() => broker.stop());

  describe('of clients outside the process', () => {
    it.each([
      ['a crash', () => crash()],
      ['a stop in order', () => broker.stop().then(crash)],
    ])('count after %s for as long as these may believe in them', async (_what, end) => {
      expect(await lock(await remote('one'), 0, 1)).toEqual([0, 1]);
      await end();
      const two = await remote('two');
      expect(await lock(two, 0, 1, 2)).toEqual([2]);
      await broker.clock.advance(29_000);
      expect(await lock(two, 0, 1)).toEqual([]);
      await broker.clock.advance(1_001);
      expect(await lock(two, 0, 1)).toEqual([0, 1]);
    });

    it('are renewed by their holder at once after a restart, and then live on as usual', async () => {
      await lock(await remote('one'), 0);
      await crash();
      const [one, two] = [await remote('one'), await remote('two')];
      expect(await lock(one, 0)).toEqual([0]);
      await broker.clock.advance(59_000);
      expect(await lock(two, 0)).toEqual([]);
      await broker.clock.advance(1_001);
      expect(await lock(two, 0)).toEqual([0]);
    });

    it.each([
      ['gives them back', (client: TestClient) => unlock(client, 0)],
      ['says good-bye', unregister],
    ])('are free after a restart when their holder comes back and %s', async (_what, leave) => {
      await lock(await remote('one'), 0);
      await crash();
      const [one, two] = [await remote('one'), await remote('two')];
      expect(await lock(two, 0)).toEqual([]);
      await leave(one);
      expect(await lock(two, 0)).toEqual([0]);
    });

    it.each([
      ['gave them back', (client: TestClient) => unlock(client, 0)],
      ['said good-bye', unregister],
    ])('are gone with the next start when their holder %s before', async (_what, leave) => {
      const one = await remote('one');
      await lock(one, 0);
      await leave(one);
      await broker.clock.settle();
      await crash();
      expect(await lock(await remote('two'), 0)).toEqual([0]);
    });

    it('follow their last holder', async () => {
      const [one, two] = [await remote('one'), await remote('two')];
      await lock(one, 0);
      await unlock(one, 0);
      await lock(two, 0);
      await crash();
      expect(await lock(await remote('one'), 0)).toEqual([]);
      expect(await lock(await remote('two'), 0)).toEqual([0]);
    });

    it('do not count twice as long after two restarts in which nobody renewed them', async () => {
      await lock(await remote('one'), 0);
      await crash();
      await broker.clock.advance(45_000);
      await crash();
      expect(await lock(await remote('two'), 0)).toEqual([0]);
    });

    it('keep clients in the process of the broker waiting as well', async () => {
      await lock(await remote('one'), 0);
      await crash();
      const inside = await join('inside');
      expect(await lock(inside, 0, 1)).toEqual([1]);
      await broker.clock.advance(30_001);
      expect(await lock(inside, 0)).toEqual([0]);
    });
  });

  describe('of a client that shares the store', () => {
    it('die with it once its process has become the host, before it has renewed any', async () => {
      await lock(await remote('one'), 0, 1);
      await crash();
      const one = await join('one');
      const two = await remote('two');
      expect([await lock(two, 0), await lock(one, 0)]).toEqual([[], [0]]);
      await crash();
      expect(await lock(await remote('two'), 0, 1)).toEqual([0, 1]);
    });

    it('are free at once when it has died for certain, and only its own', async () => {
      const [one, two, three] = [await remote('one'), await remote('two'), await remote('three')];
      await lock(one, 0);
      await lock(two, 1);
      broker.broker.clientDied('one');
      expect(await lock(three, 0, 1)).toEqual([0]);
      await crash();
      expect(await lock(await remote('two'), 0, 1)).toEqual([1]);
    });
  });

  describe('of clients in the process of the broker', () => {
    it('die with it: an application that was killed goes on at once', async () => {
      expect(await lock(await join('before'), 0, 1, 2, 3)).toEqual([0, 1, 2, 3]);
      expect(await files(disk)).toEqual([]);
      await crash();
      expect(await lock(await join('after'), 0, 1, 2, 3)).toEqual([0, 1, 2, 3]);
    });

    it('leave no trace of who had the queue before', async () => {
      const outside = await remote('outside');
      await lock(outside, 0);
      await broker.clock.advance(61_000);
      expect(await lock(await join('inside'), 0)).toEqual([0]);
      await broker.clock.settle();
      await crash();
      expect(await lock(await join('after'), 0)).toEqual([0]);
    });
  });

  describe('on the disk', () => {
    it('are written when the holder changes, not when it renews', async () => {
      const one = await remote('one');
      await lock(one, 0, 1);
      const before = await bytes(disk);
      for (let i = 0; i < 20; i++) {
        await broker.clock.advance(20_000);
        await one.join('billing', 'orders');
        expect(await lock(one, 0, 1)).toEqual([0, 1]);
      }
      expect(await bytes(disk)).toBe(before);
    });

    it('take little room however often they change hands', async () => {
      const [one, two] = [await remote('one'), await remote('two')];
      const all = [0, 1, 2, 3, 4, 5, 6, 7];
      let most = 0;
      for (let i = 0; i < 500; i++) {
        for (const client of [one, two]) {
          expect(await lock(client, ...all)).toEqual(all);
          await unlock(client, ...all);
        }
        if (i % 50 === 0) most = Math.max(most, await bytes(disk));
      }
      expect(most).toBeLessThan(256 * 1024);
    });

    it('go when they run out, whether their topic is still there or not', async () => {
      await lock(await remote('one'), 0, 1);
      await broker.client().invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
      await broker.clock.advance(80_000);
      await crash();
      await broker.client().sent('orders', 'successor');
      expect(await lock(await remote('two'), 0, 1)).toEqual([0, 1]);
    });

    it('stay with the holder over a deletion of the topic, as long as it may be pulling from the successor', async () => {
      const one = await remote('one');
      await lock(one, 0);
      await one.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
      await one.sent('orders', 'successor');
      expect(await lock(await remote('two'), 0)).toEqual([]);
      expect(await lock(one, 0)).toEqual([0]);
      await unlock(one, 0);
      expect(await lock(await remote('two'), 0)).toEqual([0]);
    });

    it('go with a group that is no longer there', async () => {
      await lock(await remote('one'), 0);
      await broker.store.groups.delete('billing');
      await crash();
      await broker.clock.advance(41_000);
      await crash();
      expect(await lock(await remote('two'), 0)).toEqual([0]);
    });
  });
});

describe('queue locks on a disk that fails', () => {
  const start = async (disk: SimulatedFileSystem): Promise<[TestBroker, TestClient, TestClient]> => {
    const broker = await TestBroker.start({}, disk);
    await broker.client().sent('orders', 'x');
    const [one, two] = [broker.client('one', '10.0.0.7:1'), broker.client('two', '10.0.0.7:2')];
    for (const client of [one, two]) await client.join('billing', 'orders');
    return [broker, one, two];
  };

  it('are never lent to two clients, at whatever moment the power fails', async () => {
    const disk = new SimulatedFileSystem();
    const [broker, one, two] = await start(disk);
    let told: string | undefined;
    const crashes: { told: string | undefined; image: SimulatedFileSystem }[] = [];
    const random = new SeededRandom(5);
    disk.onOperation(() => crashes.push({ told, image: disk.crashImage('random-pages', random) }));
    for (const client of [one, two, one]) {
      // The second comes while the answer to the first is still on its way; it must not be answered before the disk has it.
      const answers = [lock(client, 0), lock(client, 0)].map(async (answer) => {
        expect(await answer).toEqual([0]);
        told = client.clientId;
      });
      await Promise.all(answers);
      expect(await lock(client, 0, 1)).toEqual([0, 1]);
      told = undefined;
      await unlock(client, 0, 1);
    }
    expect(crashes.length).toBeGreaterThan(10);
    expect(crashes.some((crash) => crash.told !== undefined)).toBe(true);
    for (const crash of crashes) {
      const after = await TestBroker.start({}, crash.image);
      const other = after.client('other', '10.0.0.7:3');
      await other.join('billing', 'orders');
      if (crash.told !== undefined) expect(await lock(other, 0)).toEqual([]);
      await after.clock.advance(30_001);
      expect(await lock(other, 0)).toEqual([0]);
      await after.stop();
    }
    await broker.stop();
  });

  it('are lent nevertheless, and stored with a renewal once the disk takes them', async () => {
    const disk = new SimulatedFileSystem();
    const [broker, one] = await start(disk);
    disk.inject({ kind: 'ENOSPC', at: disk.operations.length, lasts: 'from' });
    expect(await lock(one, 0)).toEqual([0]);
    disk.clearFaults();
    expect(await lock(one, 0)).toEqual([0]);
    const after = await TestBroker.start({}, disk.crashImage('none', new SeededRandom(1)));
    const two = after.client('two', '10.0.0.7:2');
    await two.join('billing', 'orders');
    expect(await lock(two, 0)).toEqual([]);
    await after.stop();
    await broker.stop();
  });

  it('that could not be struck out are struck out later', async () => {
    const disk = new SimulatedFileSystem();
    const [broker, one] = await start(disk);
    await lock(one, 0);
    disk.inject({ kind: 'ENOSPC', at: disk.operations.length, lasts: 'from' });
    await unlock(one, 0);
    await broker.clock.settle();
    disk.clearFaults();
    await broker.clock.advance(10_001);
    const after = await TestBroker.start({}, disk.crashImage('none', new SeededRandom(1)));
    const two = after.client('two', '10.0.0.7:2');
    await two.join('billing', 'orders');
    expect(await lock(two, 0)).toEqual([0]);
    await after.stop();
    await broker.stop();
  });
});
