import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import {
  buildSubscriptionData,
  decodeConsumerListBody,
  decodeLockBatchResponseBody,
  encodeLockBatchRequestBody,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

describe('consumer groups', () => {
  let broker: TestBroker;
  let producer: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    producer = broker.client();
  });
  afterEach(() => broker.stop());

  const position = async (client: TestClient, group: string, topic: string, queueId = 0) => {
    const response = await client.invoke(RequestCode.QUERY_CONSUMER_OFFSET, { consumerGroup: group, topic, queueId });
    return response.code === 0 ? (response.header as { offset: number }).offset : `code ${response.code}`;
  };
  const members = async (client: TestClient, group: string) => {
    const response = await client.invoke(RequestCode.GET_CONSUMER_LIST_BY_GROUP, { consumerGroup: group });
    return response.code === 0 ? decodeConsumerListBody(response.body!).consumerIdList : response.code;
  };

  describe('start', () => {
    it('behind what was there at their first heartbeat, and never lose what comes after it', async () => {
      await producer.sent('orders', 'old');
      const client = broker.client();
      await client.join('billing', 'orders');
      await client.channel.close();
      await producer.sent('orders', 'while away');
      await producer.sent('orders', 'in a queue that was empty', { queueId: 3 });
      const later = broker.client();
      await later.join('billing', 'orders');
      expect(await position(later, 'billing', 'orders', 0)).toBe(1);
      expect(await position(later, 'billing', 'orders', 3)).toBe(0);
    });

    it('at a position that outlives a crash right after the heartbeat', async () => {
      const disk = new MemoryFileSystem();
      const first = await TestBroker.start({}, disk);
      await first.client().sent('orders', 'old');
      await first.client().join('billing', 'orders');
      await first.store.close();
      const second = await TestBroker.start({}, disk);
      await second.client().sent('orders', 'new');
      expect(await position(second.client(), 'billing', 'orders')).toBe(1);
      await second.stop();
    });

    it('at the beginning of topics that are born later', async () => {
      const client = broker.client();
      await client.join('billing', 'orders');
      await producer.sent('orders', 'first ever');
      expect(await position(client, 'billing', 'orders')).toBe(0);
    });

    it('at the beginning of queues that a topic gets later', async () => {
      await producer.sent('orders', 'x');
      const client = broker.client();
      await client.join('billing', 'orders');
      await broker.broker.topics.createOrUpdate('orders', { readQueueNums: 6, writeQueueNums: 6 });
      await producer.sent('orders', 'y', { queueId: 5 });
      expect(await position(client, 'billing', 'orders', 5)).toBe(0);
    });

    it('where a client that pulls by itself was told, of which its heartbeat says nothing', async () => {
      await producer.sent('orders', 'old');
      const client = broker.client();
      // Java's lite pull consumer and its pull consumer say LAST and ACTIVELY whatever they are told.
      await client.join('billing', 'orders', '*', { consumeType: 'CONSUME_ACTIVELY' });
      expect(await position(client, 'billing', 'orders')).toBe('code 22');
      await client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, {
        consumerGroup: 'billing',
        topic: 'orders',
        queueId: 0,
        commitOffset: 1,
      });
      expect(await position(client, 'billing', 'orders')).toBe(1);
    });

    it('at the first message when they ask for it', async () => {
      await producer.sent('orders', 'old');
      const client = broker.client();
      await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
      expect(await position(client, 'billing', 'orders')).toBe(0);
    });

    it('where the client looks up a date', async () => {
      await producer.sent('orders', 'old');
      const client = broker.client();
      await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP' });
      expect(await position(client, 'billing', 'orders')).toBe(`code ${ResponseCode.QUERY_NOT_FOUND}`);
    });

    it('with the first of their retries, even if they began at a date', async () => {
      const client = broker.client();
      await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP' });
      expect(await position(client, 'billing', '%RETRY%billing')).toBe(0);
    });

    it('with the first message of a successor of a deleted topic, even if their heartbeat is the first to meet it', async () => {
      await producer.sent('orders', 'old');
      const client = broker.client();
      await client.join('billing', 'orders');
      await broker.broker.topics.delete('orders');
      await producer.sent('orders', 'of the successor');
      await client.join('billing', 'orders');
      expect(await position(client, 'billing', 'orders')).toBe(0);
    });

    it('for a topic that they subscribe to later behind what is there then', async () => {
      await producer.sent('payments', 'old');
      const client = broker.client();
      await client.join('billing', 'orders');
      await client.join('billing', 'payments');
      expect(await position(client, 'billing', 'payments')).toBe(1);
    });

    it('nowhere as long as they are unknown', async () => {
      await producer.sent('orders', 'x');
      expect(await position(producer, 'strangers', 'orders')).toBe(`code ${ResponseCode.QUERY_NOT_FOUND}`);
    });
  });

  it('get their retry topic with the first heartbeat', async () => {
    await broker.client().join('billing', 'orders');
    expect(broker.store.topics.get('%RETRY%billing')).toMatchObject({ readQueueNums: 1, writeQueueNums: 1 });
  });

  it('know their members, by name and until they leave, close or fall silent', async () => {
    const [one, two, three] = [broker.client('one'), broker.client('two'), broker.client('three')];
    for (const client of [one, two, three]) await client!.join('billing', 'orders');
    expect(await members(producer, 'billing')).toEqual(['one', 'two', 'three']);
    await one!.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: 'one', consumerGroup: 'billing' });
    expect(await members(producer, 'billing')).toEqual(['two', 'three']);
    await two!.channel.close();
    expect(await members(producer, 'billing')).toEqual(['three']);
    await broker.clock.advance(131_000);
    expect(await members(producer, 'billing')).toBe(ResponseCode.SYSTEM_ERROR);
  });

  it('stay whole as long as heartbeats come', async () => {
    const client = broker.client('steady');
    for (let i = 0; i < 10; i++) {
      await client.join('billing', 'orders');
      await broker.clock.advance(30_000);
    }
    expect(await members(producer, 'billing')).toEqual(['steady']);
  });

  it('tell all members at once when one comes, goes or subscribes to something else', async () => {
    const one = broker.client('one');
    await one.join('billing', 'orders');
    await broker.clock.settle();
    one.notified.length = 0;
    const two = broker.client('two');
    await two.join('billing', 'orders');
    await broker.clock.settle();
    expect([one.notified, two.notified]).toEqual([['billing'], ['billing']]);
    await two.join('billing', 'orders');
    await broker.clock.settle();
    expect(one.notified).toHaveLength(1);
    await two.heartbeat([{ groupName: 'billing', subscriptionDataSet: [buildSubscriptionData('payments', '*', 2)] }]);
    await two.channel.close();
    await broker.clock.settle();
    expect(one.notified).toHaveLength(3);
  });

  it('are told when a topic that they wait for appears or gets more queues', async () => {
    const one = broker.client('one');
    await one.join('billing', 'orders');
    await broker.clock.settle();
    one.notified.length = 0;
    await producer.sent('others', 'x');
    await broker.clock.settle();
    expect(one.notified).toEqual([]);
    await producer.sent('orders', 'x');
    await broker.clock.settle();
    expect(one.notified).toEqual(['billing']);
    await broker.broker.topics.createOrUpdate('orders', { readQueueNums: 6, writeQueueNums: 6 });
    await broker.clock.settle();
    expect(one.notified).toEqual(['billing', 'billing']);
  });

  it('follow a member whose connection is a new one, and ignore the end of the old one', async () => {
    const before = broker.client('steady');
    await before.join('billing', 'orders');
    const after = broker.client('steady');
    await after.join('billing', 'orders');
    await before.channel.close();
    expect(await members(producer, 'billing')).toEqual(['steady']);
  });

  it('cannot be thinned out by others', async () => {
    await broker.client('victim').join('billing', 'orders');
    await producer.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: 'victim', consumerGroup: 'billing' });
    expect(await members(producer, 'billing')).toEqual(['victim']);
  });

  it.each([
    ['a name that is none', [{ groupName: 'no spaces' }]],
    [
      'a topic that is none',
      [{ groupName: 'g', subscriptionDataSet: [{ ...buildSubscriptionData('x', '*', 1), topic: '../x' }] }],
    ],
    ['a thousand and one groups', Array.from({ length: 1001 }, (_, i) => ({ groupName: `g${i}` }))],
  ])('are refused with %s', async (_what, groups) => {
    expect((await producer.heartbeat(groups)).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect(broker.store.groups.size).toBe(0);
  });

  it('are refused more topics than ten thousand, heartbeat by heartbeat', async () => {
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => buildSubscriptionData(`t${from + i}`, '*', 1));
    const join = (subscriptionDataSet: ReturnType<typeof many>) =>
      producer.heartbeat([{ groupName: 'greedy', subscriptionDataSet }]);
    expect((await join(many(0, 9_999))).code).toBe(ResponseCode.SUCCESS);
    expect((await join(many(20_000, 2))).code).toBe(ResponseCode.NO_PERMISSION);
    expect((await join(many(20_000, 1))).code).toBe(ResponseCode.SUCCESS);
  });

  it('change nothing any more once the broker has stopped', async () => {
    const client = broker.client();
    await client.join('billing', 'orders');
    await broker.broker.stop();
    const touch = jest.spyOn(broker.store.groups, 'touch');
    await client.channel.close();
    expect(touch).not.toHaveBeenCalled();
  });

  it('that cannot be sorted out throw nothing into the event loop', async () => {
    const sweep = jest.spyOn(broker.broker.consumers, 'sweep').mockImplementationOnce(() => {
      throw new Error('unforeseen');
    });
    await broker.clock.advance(20_001);
    expect(sweep).toHaveBeenCalledTimes(2);
  });

  it('are refused when the heartbeat is no JSON', async () => {
    expect((await producer.invoke(RequestCode.HEART_BEAT, {}, Buffer.from('{"clientID":'))).code).toBe(
      ResponseCode.INVALID_PARAMETER,
    );
  });

  it('subscribe by tags or SQL92; anything else is refused when asked for', async () => {
    const check = (expressionType: string, subString = '*') =>
      producer.invoke(
        RequestCode.CHECK_CLIENT_CONFIG,
        {},
        Buffer.from(JSON.stringify({ subscriptionData: { topic: 'orders', subString, expressionType } })),
      );
    expect((await check('TAG')).code).toBe(ResponseCode.SUCCESS);
    expect((await check('SQL92', 'a > 3')).code).toBe(ResponseCode.SUCCESS);
    expect((await check('SQL92', 'a >')).code).toBe(ResponseCode.SUBSCRIPTION_PARSE_FAILED);
    expect((await check('XPATH')).code).toBe(ResponseCode.SYSTEM_ERROR);
  });

  describe('positions', () => {
    const commit = (client: TestClient, consumerGroup: string, topic: string, queueId: number, commitOffset: number) =>
      client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, { consumerGroup, topic, queueId, commitOffset });

    it('move up and never down', async () => {
      for (let i = 0; i < 5; i++) await producer.sent('orders', 'x');
      const client = broker.client();
      await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
      expect((await commit(client, 'billing', 'orders', 0, 3)).code).toBe(0);
      expect((await commit(client, 'billing', 'orders', 0, 1)).code).toBe(0);
      expect(await position(client, 'billing', 'orders')).toBe(3);
    });

    it.each([
      ['of an unknown group', 'strangers', 'orders', 0, 0, ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST],
      ['in an unknown topic', 'billing', 'nowhere', 0, 0, ResponseCode.TOPIC_NOT_EXIST],
      ['in a queue that is not there', 'billing', 'orders', 9, 0, ResponseCode.INVALID_PARAMETER],
      ['beyond the end', 'billing', 'orders', 0, 2, ResponseCode.SYSTEM_ERROR],
      ['below zero', 'billing', 'orders', 1, -1, ResponseCode.INVALID_PARAMETER],
    ])('%s are refused', async (_what, group, topic, queueId, offset, code) => {
      await broker.client().join('billing', 'orders');
      await producer.sent('orders', 'x');
      expect((await commit(producer, group, topic, queueId, offset)).code).toBe(code);
    });

    it('are found by time, at both ends, and with the time of the first message', async () => {
      const ask = async (code: number, header: object) =>
        (await producer.invoke(code, { topic: 'orders', queueId: 0, ...header })).header;
      await producer.sent('orders', 'x');
      const first = broker.clock.now();
      await broker.clock.advance(1_000);
      await producer.sent('orders', 'y');
      expect(await ask(RequestCode.GET_MAX_OFFSET, {})).toEqual({ offset: 2 });
      expect(await ask(RequestCode.GET_MIN_OFFSET, {})).toEqual({ offset: 0 });
      expect(await ask(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { timestamp: first + 1 })).toEqual({ offset: 1 });
      expect(await ask(RequestCode.GET_EARLIEST_MSG_STORETIME, {})).toEqual({ timestamp: first });
      expect(await ask(RequestCode.GET_EARLIEST_MSG_STORETIME, { queueId: 1 })).toEqual({ timestamp: -1 });
      expect((await producer.invoke(RequestCode.GET_MAX_OFFSET, { topic: 'orders', queueId: 99 })).code).toBe(
        ResponseCode.INVALID_PARAMETER,
      );
    });
  });

  describe('in order', () => {
    let one: TestClient;
    let two: TestClient;
    const queue = (queueId: number, brokerName = 'nestmq') => ({ topic: 'orders', brokerName, queueId });

    beforeEach(async () => {
      await producer.sent('orders', 'x');
      [one, two] = [broker.client('one'), broker.client('two')];
      for (const client of [one, two]) await client.join('billing', 'orders');
    });

    const ask = (code: number, client: TestClient, clientId: string, queues: number[], consumerGroup = 'billing') =>
      client.invoke(
        code,
        {},
        encodeLockBatchRequestBody({ consumerGroup, clientId, mqSet: queues.map((id) => queue(id)) }),
      );
    const lock = async (client: TestClient, clientId: string, queues: number[], group?: string) =>
      decodeLockBatchResponseBody(
        (await ask(RequestCode.LOCK_BATCH_MQ, client, clientId, queues, group)).body!,
      ).lockOKMQSet.map(({ queueId }) => queueId);

    it('hold each queue by one member, until it lets go or falls silent for a minute', async () => {
      expect(await lock(one, 'one', [0, 1])).toEqual([0, 1]);
      expect(await lock(two, 'two', [1, 2])).toEqual([2]);
      await ask(RequestCode.UNLOCK_BATCH_MQ, one, 'one', [1]);
      expect(await lock(two, 'two', [0, 1])).toEqual([1]);
      await broker.clock.advance(40_000);
      expect(await lock(one, 'one', [0])).toEqual([0]);
      await broker.clock.advance(30_000);
      expect(await lock(two, 'two', [0])).toEqual([]);
      await broker.clock.advance(31_000);
      expect(await lock(two, 'two', [0])).toEqual([0]);
    });

    it('free the queues of who says good-bye', async () => {
      await lock(one, 'one', [0]);
      await one.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: 'one', consumerGroup: 'billing' });
      expect(await lock(two, 'two', [0])).toEqual([0]);
    });

    it('lend their queues neither to strangers nor in the name of others, and lock nothing that is not there', async () => {
      expect(await lock(producer, 'one', [0])).toEqual([]);
      expect(await lock(one, 'one', [0], 'other')).toEqual([]);
      expect(await lock(one, 'one', [-1, 0.5, 77])).toEqual([]);
      await lock(one, 'one', [0]);
      await ask(RequestCode.UNLOCK_BATCH_MQ, two, 'one', [0]);
      expect(await lock(two, 'two', [0])).toEqual([]);
    });
  });
});
