import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, type MessagingClient } from '../../../lib/client/index.js';
import { MemoryFileSystem } from '../../../lib/platform/index.js';
import {
  createResponse,
  ExtensionCode,
  MessagingError,
  RequestCode,
  ResponseCode,
} from '../../../lib/protocol/index.js';
import { ACK, bodies, gate, type Seen, text, World } from '../support.js';

const ORDERLY = ConsumeMode.ORDERLY;
let world: World;
let client: MessagingClient;
beforeEach(async () => {
  world = await World.start(
    { memory: false, store: '/store', topics: [{ name: 't', queues: 2 }] },
    new MemoryFileSystem(),
  );
  client = await world.client();
});
afterEach(() => world.stop());

const keyed = (key: string, n: number) => ({ ...text('t', `${key}-${n}`), shardingKey: key });
const KEYS = Array.from({ length: 12 }, (_, at) => `key-${at}`);

/** Sends messages of a key one behind the other, each until it is taken; stops when told so. */
function producing(
  from: MessagingClient,
  key: string,
): { sent: string[]; queues: number[]; refused: number; stop: () => Promise<void> } {
  const state = { sent: [] as string[], queues: [] as number[], refused: 0, stop: async () => {} };
  let going = true;
  const done = (async () => {
    for (let n = 0; going;) {
      try {
        const { queueId } = await from.producer.send(keyed(key, n));
        state.sent.push(`${key}-${n++}`);
        state.queues.push(queueId);
      } catch (error) {
        if (!(error instanceof MessagingError) || error.code !== 'QUEUE_UNAVAILABLE' || !error.retryable) throw error;
        state.refused++;
      }
      await world.clock.sleep(20);
    }
  })();
  state.stop = async () => {
    going = false;
    await world.drive(done);
  };
  return state;
}

const ofKey = (seen: readonly Seen[], key: string) => bodies(seen).filter((body) => body.startsWith(`${key}-`));

describe('admin.topics.widen', () => {
  it('gives a topic more queues for messages without a key, and leaves keys where they are', async () => {
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    const other = await world.client();
    const before = await Promise.all(KEYS.map((key) => other.producer.send(keyed(key, 0))));
    expect(await client.admin.topics.widen('t', 6)).toEqual({ topic: 't', queues: 6, orderedQueues: 2 });
    const plain = new Set<number>();
    for (let n = 0; n < 12; n++) plain.add((await world.drive(client.producer.send(text('t', `p${n}`)))).queueId);
    expect([...plain].toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    // A client that had the route before, one that has it now, and one that comes later.
    for (const from of [other, client, await world.client()]) {
      const after = await Promise.all(KEYS.map((key) => from.producer.send(keyed(key, 1))));
      expect(after.map(({ queueId }) => queueId)).toEqual(before.map(({ queueId }) => queueId));
    }
    // New queues are read at once, and from their beginning.
    await world.until(() => seen.length === 60, 5000);
    expect(await client.admin.topics.stats('t')).toMatchObject({ orderedQueues: 2, writable: true });
  });

  it('is no change when it is that wide, and makes no topic narrower', async () => {
    expect(await client.admin.topics.widen('t', 2)).toEqual({ topic: 't', queues: 2, orderedQueues: 2 });
    await expect(client.admin.topics.widen('t', 1)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it('leaves a topic that takes no messages as it is', async () => {
    await client.admin.topics.create('closed', 2);
    const { core } = await (
      client.admin.topics as unknown as {
        calls: {
          parts(): Promise<{ core: { brokers: { createTopic(address: string, header: object): Promise<void> } } }>;
        };
      }
    ).calls.parts();
    await core.brokers.createTopic('in-process', {
      topic: 'closed',
      defaultTopic: 'TBW102',
      readQueueNums: 2,
      writeQueueNums: 2,
      perm: 4,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: false,
    });
    await client.admin.topics.widen('closed', 4);
    expect(await client.admin.topics.stats('closed')).toMatchObject({ writable: false });
  });

  describe('with keys', () => {
    it('spreads them in order, while members come and go and producers go on', async () => {
      const group = { group: 'g', mode: ORDERLY };
      const slow = { topic: 't', handle: () => world.clock.sleep(5).then(() => ACK) };
      const all: Seen[] = [];
      const members = [
        await world.consume(client, group, slow),
        await world.consume(await world.client(), group, slow),
      ];
      // One has the route from before, and is the last to hear of another.
      const producers = [client, await world.client()];
      const runs = KEYS.map((key, at) => producing(producers[at % 2]!, key));
      await world.clock.advance(2000);
      const widened = client.admin.topics.widen('t', 8, { keys: true });
      await world.clock.advance(500);
      const leaving = members[0]!.consumer.stop(1000);
      members.push(await world.consume(await world.client(), group, slow));
      await world.drive(leaving);
      expect(await world.drive(widened)).toEqual({ topic: 't', queues: 8, orderedQueues: 8 });
      await world.clock.advance(5000);
      for (const run of runs) await run.stop();
      const sent = runs.flatMap((run) => run.sent).length;
      const count = () => members.reduce((sum, { seen }) => sum + seen.length, 0);
      await world.until(() => count() >= sent);
      for (const { seen } of members) all.push(...seen);
      all.sort((a, b) => a.at - b.at);
      for (const [at, key] of KEYS.entries()) {
        expect(runs[at]!.refused).toBeGreaterThan(0);
        expect(ofKey(all, key)).toEqual(runs[at]!.sent);
        // First in one queue, then in another one or the same.
        expect(
          runs[at]!.queues.filter((queue, index, queues) => index > 0 && queue !== queues[index - 1]).length,
        ).toBeLessThan(2);
      }
      expect(new Set(runs.map((run) => run.queues.at(-1))).size).toBeGreaterThan(3);
    });

    it('waits for every group, and for what a handler has not finished', async () => {
      const { open, opened } = gate();
      await world.consume(client, { group: 'quick', mode: ORDERLY }, { topic: 't' });
      await world.consume(client, { group: 'slow' }, { topic: 't', handle: () => opened.then(() => ACK) });
      await world.drive(client.producer.send(keyed('k', 0)));
      let done = false;
      const widened = client.admin.topics.widen('t', 4, { keys: true }).then(() => (done = true));
      await world.clock.advance(20_000);
      expect(done).toBe(false);
      open();
      await world.drive(widened);
    });

    it('refuses keyed sends meanwhile, in batches too, and takes the others', async () => {
      const { open, opened } = gate();
      await world.consume(client, { group: 'g' }, { topic: 't', handle: () => opened.then(() => ACK) });
      await world.drive(client.producer.send(keyed('k', 0)));
      const widened = client.admin.topics.widen('t', 4, { keys: true });
      await world.clock.advance(1000);
      const refused = { code: 'QUEUE_UNAVAILABLE', retryable: true };
      await expect(world.drive(client.producer.send(keyed('k', 1)))).rejects.toMatchObject(refused);
      await expect(world.drive(client.producer.sendBatch([keyed('k', 1), keyed('k', 2)]))).rejects.toMatchObject(
        refused,
      );
      await world.drive(client.producer.send(text('t', 'plain')));
      await world.drive(client.producer.sendBatch([text('t', 'two'), text('t', 'three')]));
      open();
      await world.drive(widened);
      await world.drive(client.producer.sendBatch([keyed('k', 1), keyed('k', 2)]));
    });

    it('gives up when a group does not settle, and keys go on where they were', async () => {
      const { consumer } = await world.consume(client, { group: 'away' }, { topic: 't' });
      await world.drive(consumer.stop(0));
      const { queueId } = await world.drive(client.producer.send(keyed('key-3', 0)));
      const widened = client.admin.topics.widen('t', 8, { keys: true, timeoutMillis: 3000 });
      await expect(world.drive(widened)).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringMatching(/away \(1 messages\)/),
      });
      expect((await world.drive(client.producer.send(keyed('key-3', 1)))).queueId).toBe(queueId);
      expect(await client.admin.topics.stats('t')).toMatchObject({ orderedQueues: 2 });
      // Its order is given up knowingly.
      expect(await world.drive(client.admin.topics.widen('t', 8, { keys: true, except: ['away'] }))).toMatchObject({
        orderedQueues: 8,
      });
    });

    it('can be called off', async () => {
      const { consumer } = await world.consume(client, { group: 'away' }, { topic: 't' });
      await world.drive(consumer.stop(0));
      await world.drive(client.producer.send(keyed('k', 0)));
      const controller = new AbortController();
      const widened = client.admin.topics.widen('t', 8, { keys: true, signal: controller.signal });
      const refused = expect(widened).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringMatching(/called off/),
      });
      await world.clock.advance(1000);
      controller.abort();
      await world.clock.settle();
      await refused;
      await world.drive(client.producer.send(keyed('k', 1)));
    });

    it('lets go of the keys by itself when whoever widens it dies', async () => {
      const { consumer } = await world.consume(client, { group: 'away' }, { topic: 't' });
      await world.drive(consumer.stop(0));
      const { queueId } = await world.drive(client.producer.send(keyed('key-3', 0)));
      const dying = await world.client();
      dying.admin.topics.widen('t', 8, { keys: true }).catch(() => undefined);
      await world.clock.advance(1000);
      world.vanish(dying);
      await expect(world.drive(client.producer.send(keyed('key-3', 1)))).rejects.toMatchObject({
        code: 'QUEUE_UNAVAILABLE',
      });
      await world.clock.advance(5000);
      expect((await world.drive(client.producer.send(keyed('key-3', 1)))).queueId).toBe(queueId);
      const again = await world.consume(client, { group: 'away', mode: ORDERLY }, { topic: 't' });
      await world.drive(client.admin.topics.widen('t', 8, { keys: true }));
      expect(bodies(again.seen)).toEqual(['key-3-0', 'key-3-1']);
    });

    it('is not done by a broker that was restarted meanwhile: keyed messages may have come in', async () => {
      const { consumer } = await world.consume(client, { group: 'away' }, { topic: 't' });
      await world.drive(consumer.stop(0));
      await world.drive(client.producer.send(keyed('k', 0)));
      const widened = client.admin.topics.widen('t', 8, { keys: true });
      const refused = expect(widened).rejects.toMatchObject({
        code: expect.stringMatching(/BROKER_BUSY|CHANNEL_CLOSED|CONNECT_FAILED|SHUTTING_DOWN/),
      });
      await world.clock.advance(1000);
      await world.restart();
      await world.clock.advance(10_000);
      await refused;
      expect(await client.admin.topics.stats('t')).toMatchObject({ orderedQueues: 2 });
    });

    it('stays so over a restart, also for a client that knew the narrow topic', async () => {
      const old = await world.client();
      await world.drive(old.producer.send(keyed('key-3', 0)));
      await world.drive(client.admin.topics.widen('t', 8, { keys: true }));
      await world.restart();
      await world.clock.advance(40_000);
      const fresh = await world.client();
      const to = (from: MessagingClient) =>
        Promise.all(KEYS.map(async (key) => (await from.producer.send(keyed(key, 1))).queueId));
      expect(await world.drive(to(old))).toEqual(await world.drive(to(fresh)));
      expect(await client.admin.topics.stats('t')).toMatchObject({ orderedQueues: 8 });
    });

    it('refuses a producer that has not heard of it, and takes the message once it has', async () => {
      const old = await world.client();
      await world.drive(old.producer.send(keyed('key-3', 0)));
      let deaf = true;
      world.intercept = (request) =>
        deaf && request.code === RequestCode.GET_ROUTEINFO_BY_TOPIC
          ? Promise.reject(new MessagingError('TIMEOUT', 'deaf'))
          : undefined;
      deaf = false;
      await world.drive(client.admin.topics.widen('t', 8, { keys: true }));
      deaf = true;
      const all = Promise.allSettled(KEYS.map((key) => old.producer.send(keyed(key, 1))));
      const settled = await world.drive(all);
      expect(settled.some(({ status }) => status === 'rejected')).toBe(true);
      const { queues } = await (async () => ((deaf = false), client.admin.topics.stats('t')))();
      const stored = queues.reduce((sum, { maxOffset }) => sum + maxOffset, 0);
      expect(stored).toBe(1 + settled.filter(({ status }) => status === 'fulfilled').length);
      await world.clock.advance(40_000);
      await world.drive(Promise.all(KEYS.map((key) => old.producer.send(keyed(key, 2)))));
    });

    it('is done by one at a time', async () => {
      const { open, opened } = gate();
      await world.consume(client, { group: 'g' }, { topic: 't', handle: () => opened.then(() => ACK) });
      await world.drive(client.producer.send(keyed('k', 0)));
      const first = client.admin.topics.widen('t', 8, { keys: true });
      await world.clock.advance(500);
      const other = await world.client();
      await expect(other.admin.topics.widen('t', 8, { keys: true })).rejects.toMatchObject({ code: 'BROKER_BUSY' });
      open();
      await world.drive(first);
    });

    it('is refused by a broker that cannot do it, after it got its queues', async () => {
      world.intercept = (request) =>
        request.code === ExtensionCode.HOLD_KEYS
          ? Promise.resolve(createResponse(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, {}))
          : undefined;
      await expect(client.admin.topics.widen('t', 8, { keys: true })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
      expect((await client.admin.topics.stats('t')).queues).toHaveLength(8);
    });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a topic that is not there', () => client.admin.topics.widen('nowhere', 4), 'TOPIC_NOT_FOUND'],
    ['a number of queues that is none', () => client.admin.topics.widen('t', 2.5), 'BAD_ARGUMENT'],
    ['too many queues', () => client.admin.topics.widen('t', 1_000_000), 'BAD_ARGUMENT'],
    ['an unknown option', () => client.admin.topics.widen('t', 4, { key: true } as object), 'BAD_ARGUMENT'],
    [
      'waiting without anything to wait for',
      () => client.admin.topics.widen('t', 4, { timeoutMillis: 5 }),
      'BAD_ARGUMENT',
    ],
    [
      'an exception for a group that is none',
      () => client.admin.topics.widen('t', 4, { keys: true, except: ['no'] }),
      'BAD_ARGUMENT',
    ],
    ['a name that is none', () => client.admin.topics.widen('a b', 4), 'NAME_INVALID'],
  ])('refuses %s', async (_, ask, code) => {
    await expect(ask()).rejects.toMatchObject({ code });
  });
});
