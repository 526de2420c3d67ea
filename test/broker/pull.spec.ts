import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRequest, PullSysFlag, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { pullHeader, TestBroker, type TestClient } from './harness.js';

const { SUCCESS, PULL_NOT_FOUND, PULL_RETRY_IMMEDIATELY, PULL_OFFSET_MOVED } = ResponseCode;

describe('pulling', () => {
  let broker: TestBroker;
  let producer: TestClient;
  let consumer: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    producer = broker.client();
    consumer = broker.client();
    await producer.sent('orders', 'zero', { tag: 'a' });
    await consumer.join('billing', 'orders', 'a || b');
  });
  afterEach(() => broker.stop());

  it('hands out the stored messages from the offset on, with where to go on', async () => {
    for (const body of ['one', 'two', 'three']) await producer.sent('orders', body, { tag: 'a' });
    const pulled = await consumer.pull('billing', 'orders', 0, 1, { maxMsgNums: 2 });
    expect(pulled.code).toBe(SUCCESS);
    expect(pulled.remark).toBe('FOUND');
    expect(pulled.records.map(({ body, queueOffset }) => [body.toString(), queueOffset])).toEqual([
      ['one', 1],
      ['two', 2],
    ]);
    expect(pulled.header).toEqual({ suggestWhichBrokerId: 0, nextBeginOffset: 3, minOffset: 0, maxOffset: 4 });
  });

  it.each([
    ['at the end', 0, 1, PULL_NOT_FOUND, 1],
    ['beyond the end', 0, 9, PULL_OFFSET_MOVED, 1],
    ['before the beginning', 0, -5, PULL_OFFSET_MOVED, 0],
    ['an empty queue from its start', 1, 0, PULL_NOT_FOUND, 0],
    ['an empty queue from elsewhere', 1, 7, PULL_OFFSET_MOVED, 0],
  ])('%s says so and where to go on', async (_what, queueId, offset, code, next) => {
    const pulled = await consumer.pull('billing', 'orders', queueId, offset);
    expect([pulled.code, pulled.header.nextBeginOffset]).toEqual([code, next]);
  });

  it('skips other tags, and says when only others were there', async () => {
    await producer.sent('orders', 'other', { tag: 'c' });
    expect(await consumer.pull('billing', 'orders', 0, 1)).toMatchObject({
      code: PULL_RETRY_IMMEDIATELY,
      header: { nextBeginOffset: 2 },
    });
    await producer.sent('orders', 'b', { tag: 'b' });
    const { records } = await consumer.pull('billing', 'orders', 0, 0);
    expect(records.map(({ body }) => body.toString())).toEqual(['zero', 'b']);
  });

  it('takes the subscription from the pull when the pull brings one', async () => {
    await producer.sent('orders', 'c', { tag: 'c' });
    const lite = await broker.client().pull('nobody', 'orders', 0, 0, { sysFlag: 4, subscription: 'c' });
    expect(lite.records.map(({ body }) => body.toString())).toEqual(['c']);
    const broken = { sysFlag: 4, subscription: '||' };
    expect((await consumer.pull('billing', 'orders', 0, 0, broken)).code).toBe(ResponseCode.SUBSCRIPTION_PARSE_FAILED);
    const strange = { sysFlag: 4, subscription: 'a > 1', expressionType: 'XPATH' };
    expect((await consumer.pull('billing', 'orders', 0, 0, strange)).code).toBe(ResponseCode.SYSTEM_ERROR);
  });

  it('gives each member what it subscribed to itself while subscriptions differ', async () => {
    const newer = broker.client();
    await newer.join('billing', 'orders', 'c');
    await producer.sent('orders', 'c', { tag: 'c' });
    expect((await newer.pull('billing', 'orders', 0, 0)).records.map(({ body }) => body.toString())).toEqual(['c']);
    expect((await consumer.pull('billing', 'orders', 0, 0)).records.map(({ body }) => body.toString())).toEqual([
      'zero',
    ]);
    expect(broker.broker.figures().disagreements).toBe(1);
  });

  it.each([
    ['an unknown topic', 'billing', 'nowhere', 0, 1, ResponseCode.TOPIC_NOT_EXIST],
    ['a queue that is not there', 'billing', 'orders', 4, 1, ResponseCode.INVALID_PARAMETER],
    ['an unknown group', 'strangers', 'orders', 0, 1, ResponseCode.SUBSCRIPTION_NOT_EXIST],
    [
      'a newer subscription than the heartbeat brought',
      'billing',
      'orders',
      0,
      2,
      ResponseCode.SUBSCRIPTION_NOT_LATEST,
    ],
  ])('refuses %s', async (_what, group, topic, queueId, subVersion, code) => {
    const pulled = await consumer.pull(group, topic, queueId, 0, { subVersion });
    expect(pulled.code).toBe(code);
  });

  it('refuses a topic of the group that nobody subscribed to', async () => {
    await producer.sent('payments', 'x');
    expect((await consumer.pull('billing', 'payments', 0, 0)).code).toBe(ResponseCode.SUBSCRIPTION_NOT_EXIST);
  });

  it('stores the position that a pull brings along, but none beyond the end', async () => {
    await consumer.pull('billing', 'orders', 0, 1, { sysFlag: 1, commitOffset: 1 });
    expect(broker.store.progress.query('billing', 'orders', 0)).toBe(1);
    const pulled = await consumer.pull('billing', 'orders', 0, 99, { sysFlag: 1, commitOffset: 99 });
    expect(pulled.code).toBe(PULL_OFFSET_MOVED);
    expect(broker.store.progress.query('billing', 'orders', 0)).toBe(1);
    expect(broker.broker.figures().refusedCommits).toBe(1);
  });

  describe('from beyond the end', () => {
    const ahead = async () => (await consumer.pull('billing', 'orders', 0, 50)).header.nextBeginOffset;

    it('goes on where the group is: what came since a crash took the end away is not skipped', async () => {
      broker.store.progress.commit('billing', 'orders', 0, 1);
      for (const body of ['after', 'the crash']) await producer.sent('orders', body, { tag: 'a' });
      expect(await ahead()).toBe(1);
    });

    it('goes on with the first message of a successor of the topic', async () => {
      await producer.invoke(215, { topic: 'orders' });
      for (const body of ['first', 'second']) await producer.sent('orders', body, { tag: 'a' });
      expect(await ahead()).toBe(0);
    });

    it('goes on at the end for readers that have no position here', async () => {
      const lite = { sysFlag: 4, subscription: '*' };
      expect((await consumer.pull('nobody', 'orders', 0, 50, lite)).header.nextBeginOffset).toBe(1);
    });
  });

  it('waits where nothing can be read, instead of coming again and again', async () => {
    const { read } = broker.store;
    let reads = 0;
    broker.store.read = () => {
      reads++;
      return {
        status: 'NO_MATCHED_MESSAGE',
        nextBeginOffset: 0,
        minOffset: 0,
        maxOffset: 1,
        chunks: [],
        messageCount: 0,
      };
    };
    const pull = consumer.waitingPull('billing', 'orders', 0, 0);
    await broker.clock.advance(14_900);
    expect(reads).toBe(1);
    broker.store.read = read;
    await broker.clock.advance(200);
    expect((await pull).records).toHaveLength(1);
  });

  it('keeps no expression that is very long', async () => {
    const pulls = Reflect.get(broker.broker, 'pulls') as { expressions: Map<string, unknown> };
    for (const tags of ['a', Array.from({ length: 2_000 }, (_, i) => `tag${i}`).join('||')]) {
      const pulled = await consumer.pull('nobody', 'orders', 0, 0, { sysFlag: 4, subscription: tags });
      expect(pulled.code).toBe(tags === 'a' ? SUCCESS : PULL_RETRY_IMMEDIATELY);
    }
    expect(pulls.expressions.size).toBe(1);
  });

  it('bounds one answer', async () => {
    for (let i = 0; i < 8; i++) await producer.sent('orders', 'x'.repeat(50_000), { tag: 'a' });
    const all = await consumer.pull('billing', 'orders', 0, 0, { maxMsgNums: 2_000_000_000 });
    expect(all.records.length).toBeLessThan(8);
    const few = await consumer.pull('billing', 'orders', 0, 1, { maxMsgBytes: 120_000 });
    expect(few.records.length).toBeLessThan(3);
    expect((await consumer.pull('billing', 'orders', 0, 1, { maxMsgBytes: 1 })).records).toHaveLength(1);
    expect((await consumer.pull('billing', 'orders', 0, 1, { maxMsgNums: -3 })).records).toHaveLength(1);
  });

  describe('that waits', () => {
    const reads = (): { count: number } => {
      const counter = { count: 0 };
      const read = broker.store.read.bind(broker.store);
      broker.store.read = (query) => {
        counter.count++;
        return read(query);
      };
      return counter;
    };

    it('is answered by the message that comes, without any time passing and without polling', async () => {
      const counter = reads();
      const waiting = consumer.waitingPull('billing', 'orders', 0, 1);
      await broker.clock.advance(10_000);
      expect(counter.count).toBe(1);
      const before = broker.clock.monotonic();
      await producer.sent('orders', 'news', { tag: 'b' });
      expect((await waiting).records.map(({ body }) => body.toString())).toEqual(['news']);
      expect(broker.clock.monotonic()).toBe(before);
      expect(counter.count).toBe(2);
      expect(broker.broker.figures().heldPulls).toBe(0);
    });

    it('sleeps on while messages of other tags and of other queues come', async () => {
      const waiting = consumer.waitingPull('billing', 'orders', 0, 1);
      const counter = reads();
      await producer.sent('orders', 'x', { tag: 'c' });
      await producer.sent('orders', 'x', { tag: 'a', queueId: 2 });
      await producer.sent('others', 'x', { tag: 'a' });
      expect(counter.count).toBe(0);
      expect(broker.broker.figures().heldPulls).toBe(1);
      await producer.sent('orders', 'mine', { tag: 'a' });
      expect((await waiting).records.map(({ body }) => body.toString())).toEqual(['mine']);
    });

    it('gets the messages of a topic that is still empty', async () => {
      await broker.broker.topics.createOrUpdate('empty', { readQueueNums: 1, writeQueueNums: 1 });
      await consumer.join('billing', 'empty');
      const waiting = consumer.waitingPull('billing', 'empty', 0, 0);
      await producer.sent('empty', 'first');
      expect((await waiting).records).toHaveLength(1);
    });

    it('is answered with nothing when its time is over, and that is 30 s at the most', async () => {
      let answered: number | undefined;
      const waiting = consumer
        .waitingPull('billing', 'orders', 0, 1, 5_000)
        .then((pulled) => ((answered = broker.clock.monotonic()), pulled));
      const endless = consumer.waitingPull('billing', 'orders', 1, 0, Number.MAX_SAFE_INTEGER);
      const start = broker.clock.monotonic();
      await broker.clock.advance(4_999);
      expect(answered).toBeUndefined();
      await broker.clock.advance(1_000);
      expect((await waiting).code).toBe(PULL_NOT_FOUND);
      expect(answered! - start).toBeGreaterThanOrEqual(5_000);
      expect(answered! - start).toBeLessThanOrEqual(5_100);
      await broker.clock.advance(25_000);
      expect((await endless).code).toBe(PULL_NOT_FOUND);
    });

    it('keeps one timer for all deadlines', async () => {
      const timers = broker.clock.pending.length;
      const all = Array.from({ length: 50 }, (_, i) =>
        consumer.waitingPull('billing', 'orders', i % 4, i % 4 === 0 ? 1 : 0, 1_000 + i * 100),
      );
      expect(broker.clock.pending.length - timers).toBeLessThanOrEqual(2);
      await broker.clock.advance(7_000);
      expect((await Promise.all(all)).every(({ code }) => code === PULL_NOT_FOUND)).toBe(true);
    });

    it('is forgotten when its connection closes', async () => {
      const waiting = consumer.waitingPull('billing', 'orders', 0, 1);
      await consumer.channel.close();
      await expect(waiting).rejects.toMatchObject({ code: 'CHANNEL_CLOSED' });
      expect(broker.broker.figures().heldPulls).toBe(0);
    });

    it('is told when its topic is deleted, and when the broker stops', async () => {
      const deleted = consumer.waitingPull('billing', 'orders', 0, 1);
      expect((await producer.invoke(215, { topic: 'orders' })).code).toBe(0);
      expect((await deleted).code).toBe(ResponseCode.TOPIC_NOT_EXIST);
      await producer.sent('again', 'x');
      await consumer.join('billing', 'again');
      const stopped = consumer.waitingPull('billing', 'again', 0, 1);
      await broker.broker.stop();
      expect((await stopped).code).toBe(PULL_NOT_FOUND);
      expect((await consumer.pull('billing', 'again', 0, 0)).code).toBe(ResponseCode.SERVICE_NOT_AVAILABLE);
    });

    it('misses nothing that came while the disk was read', async () => {
      const read = broker.store.read.bind(broker.store);
      let finish = (): void => {};
      broker.store.read = (query) => {
        broker.store.read = read;
        const stale = read(query);
        return new Promise((resolve) => (finish = () => resolve(stale)));
      };
      const waiting = consumer.waitingPull('billing', 'orders', 0, 1);
      await producer.sent('orders', 'meanwhile', { tag: 'a' });
      finish();
      const answer = await waiting;
      expect([answer.code, answer.header.nextBeginOffset]).toEqual([PULL_NOT_FOUND, 1]);
      expect((await consumer.waitingPull('billing', 'orders', 0, 1)).records).toHaveLength(1);
    });

    it('is answered although another that waits for the same cannot be', async () => {
      let answered = 0;
      const failing = createRequest(
        RequestCode.PULL_MESSAGE,
        pullHeader('billing', 'orders', 0, 1, { sysFlag: PullSysFlag.SUSPEND }),
      );
      consumer.channel.call(failing, 60_000, {
        answered: () => {
          answered++;
          throw new Error('a client that throws');
        },
      });
      const waiting = consumer.waitingPull('billing', 'orders', 0, 1, 10_000);
      await producer.sent('orders', 'news', { tag: 'a' });
      expect((await waiting).records).toHaveLength(1);
      expect(answered).toBe(1);
      consumer.channel.call(failing, 60_000, {
        answered: () => {
          throw new Error('a client that throws');
        },
      });
      await broker.clock.advance(31_000);
      expect(broker.broker.figures().heldPulls).toBe(0);
    });

    it('is refused when too many wait already', async () => {
      const small = await TestBroker.start({ maxHeldPulls: 1 });
      const client = small.client();
      await client.sent('orders', 'x');
      await client.join('g', 'orders');
      const held = client.waitingPull('g', 'orders', 0, 1);
      expect((await client.waitingPull('g', 'orders', 0, 1)).code).toBe(ResponseCode.SYSTEM_BUSY);
      await client.sent('orders', 'y');
      expect((await held).code).toBe(SUCCESS);
      await small.stop();
    });
  });
});
