import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  decodeConsumeStats,
  decodeQueueOffsets,
  decodeTopicStats,
  RequestCode,
  ResponseCode,
} from '../../../lib/protocol/index.js';
import { TestBroker, type TestClient } from '../harness.js';

const OLD = 409;
const json = (body: Buffer | undefined) => JSON.parse(body!.toString());

describe('how far groups are', () => {
  let broker: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    broker = await TestBroker.start({ defaultQueues: 1 });
    client = broker.client('one');
    await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    for (let n = 0; n < 10; n++) {
      await client.sent('orders', `m${n}`);
      await broker.clock.advance(1_000);
    }
  });
  afterEach(() => broker.stop());

  const commit = (offset: number, consumerGroup = 'billing') =>
    client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, {
      consumerGroup,
      topic: 'orders',
      queueId: 0,
      commitOffset: offset,
    });
  const stats = async (header: object = {}) => {
    const answer = await client.invoke(RequestCode.GET_CONSUME_STATS, { consumerGroup: 'billing', ...header });
    return { tps: Number(/"consumeTps":([\d.]+)/.exec(answer.body!.toString())![1]), rows: answer.body! };
  };
  const ofOrders = async () =>
    decodeConsumeStats((await stats({ topic: 'orders' })).rows).map(({ queue: _queue, ...row }) => row);

  it('is shown with what is pulled and not settled, and when the last settled one was stored', async () => {
    const first = broker.clock.now() - 10_000;
    expect(await ofOrders()).toEqual([{ brokerOffset: 10, consumerOffset: 0, lastTimestamp: 0 }]);
    await client.pull('billing', 'orders', 0, 0);
    await client.pull('billing', 'orders', 0, 6);
    await commit(4);
    const { rows, tps } = await stats();
    expect(decodeConsumeStats(rows).find(({ queue }) => queue.topic === 'orders')).toMatchObject({
      brokerOffset: 10,
      consumerOffset: 4,
      lastTimestamp: first + 3_000,
    });
    expect(rows.toString()).toContain(`"consumerOffset":4,"lastTimestamp":${first + 3_000},"pullOffset":6`);
    expect(tps).toBeGreaterThan(0);
    expect(decodeConsumeStats((await stats({ topicList: '%RETRY%billing;other' })).rows)).toHaveLength(1);
    const nobody = await client.invoke(RequestCode.GET_CONSUME_STATS, { consumerGroup: 'nobody' });
    expect(nobody.code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST);
  });

  it('is shown for all groups of the broker', async () => {
    await commit(4);
    const all = await client.invoke(RequestCode.GET_BROKER_CONSUME_STATS, { isOrder: false });
    expect(all.body!.toString()).toContain(
      '"consumeStatsList":[{"billing":[{"consumeTps":0.0,"offsetTable":{{"brokerName"',
    );
    expect(all.body!.toString()).toContain('"brokerAddr":"127.0.0.1:9876","totalDiff":6,"totalInflightDiff":0');
    const ordered = await client.invoke(RequestCode.GET_BROKER_CONSUME_STATS, { isOrder: true });
    expect(json(ordered.body)).toMatchObject({ consumeStatsList: [{ billing: [] }], totalDiff: 0 });
  });

  it('is shown in time', async () => {
    await commit(4);
    const header = { topic: 'orders', group: 'billing' };
    const now = broker.clock.now();
    const { consumeTimeSpanSet } = json((await client.invoke(RequestCode.QUERY_CONSUME_TIME_SPAN, header)).body);
    expect(consumeTimeSpanSet).toEqual([
      {
        messageQueue: { topic: 'orders', brokerName: 'nestmq', queueId: 0 },
        minTimeStamp: now - 10_000,
        maxTimeStamp: now - 1_000,
        consumeTimeStamp: now - 7_000,
        delayTime: 6_000,
      },
    ]);
    await client.sent('empty', 'x');
    const nowhere = await client.invoke(RequestCode.QUERY_CONSUME_TIME_SPAN, { ...header, topic: 'nowhere' });
    expect(nowhere.code).toBe(ResponseCode.TOPIC_NOT_EXIST);
    const settled = await client.invoke(RequestCode.QUERY_CONSUME_TIME_SPAN, { ...header, group: 'nobody' });
    expect(json(settled.body).consumeTimeSpanSet[0].delayTime).toBe(10_000);
  });

  it('is compared: the least of all groups, unless the compared one is behind it', async () => {
    const correct = async (header: object = {}) =>
      (
        await client.invoke(RequestCode.QUERY_CORRECTION_OFFSET, { topic: 'orders', compareGroup: 'late', ...header })
      ).body!.toString();
    await commit(7);
    broker.store.progress.commit('late', 'orders', 0, 5);
    expect(await correct()).toBe('{"correctionOffsets":{"0":5}}');
    expect(await correct({ filterGroups: 'late,x' })).toBe('{"correctionOffsets":{"0":9223372036854775807}}');
    expect(await correct({ filterGroups: 'late', compareGroup: 'nobody' })).toBe('{"correctionOffsets":{"0":7}}');
    const nowhere = { topic: 'nowhere', compareGroup: 'late' };
    expect((await client.invoke(RequestCode.QUERY_CORRECTION_OFFSET, nowhere)).code).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('goes with the rate at which a topic is sent to', async () => {
    const { body } = await client.invoke(RequestCode.GET_TOPIC_STATS_INFO, { topic: 'orders' });
    expect(body!.toString()).toMatch(/"topicPutTps":1\.00\}$/);
    expect(decodeTopicStats(body!)).toHaveLength(1);
  });

  describe('is moved', () => {
    const reset = (more: object = {}, version = 479) => {
      const header = { topic: 'orders', group: 'billing', timestamp: -1, isForce: true, ...more };
      return client.channel.invoke(
        { ...createRequest(RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, header), version },
        10_000,
      );
    };
    const position = (group = 'billing') => broker.store.progress.query(group, 'orders', 0);

    it('in all queues by RocketMQ 5’s tools, which say -1 for no offset', async () => {
      expect((await reset({ offset: -1 })).code).toBe(0);
      expect(position()).toBe(10);
    });

    it('ahead by older tools only when they force it', async () => {
      await commit(5);
      await reset({ isForce: false }, OLD);
      expect(position()).toBe(5);
      await reset({ isForce: false, timestamp: 0 }, OLD);
      expect(position()).toBe(0);
      await reset({ isForce: true }, OLD);
      expect(position()).toBe(10);
    });

    it.each([
      ['Java before 5', 0, OLD, '{"offsetTable":{{"brokerName":"nestmq","queueId":0,"topic":"orders"}:10}}'],
      ['Go', 9, 317, '{"offsetTable":{{"brokerName":"nestmq","queueId":0,"topic":"orders"}:10}}'],
      ['C++', 1, 300, '{"offsetTable":[{"brokerName":"nestmq","offset":10,"queueId":0,"topic":"orders"}]}'],
      ['Java from 5 on, by its pulls', 0, 479, undefined],
      ['a client that is too old for it', 0, 20, undefined],
    ])('and members are told as they understand it: %s', async (_who, language, version, told) => {
      const member = broker.client('member');
      const notices: string[] = [];
      member.channel.onRequest(({ code, body }) => {
        if (code === RequestCode.RESET_CONSUMER_CLIENT_OFFSET) notices.push(body!.toString());
      });
      const invoke = member.channel.invoke.bind(member.channel);
      member.channel.invoke = (request, timeout) => invoke({ ...request, language, version }, timeout);
      await member.join('billing', 'orders');
      expect(decodeQueueOffsets((await reset()).body!)).toHaveLength(1);
      await broker.clock.advance(1);
      expect(notices).toEqual(told === undefined ? [] : [told]);
    });

    it('to where another group is; that one is made if need be', async () => {
      await commit(4);
      const clone = (header: object) =>
        client.invoke(RequestCode.CLONE_GROUP_OFFSET, { srcGroup: 'billing', destGroup: 'copy', ...header });
      expect((await clone({})).code).toBe(0);
      expect(position('copy')).toBe(4);
      expect(broker.store.groups.registeredAt('copy', 'orders')).toBeDefined();
      // Back as well: it is an order.
      broker.store.progress.commit('copy', 'orders', 0, 9);
      expect((await clone({ topic: 'orders', offline: true })).code).toBe(0);
      expect(position('copy')).toBe(4);
      expect((await clone({ topic: 'mails' })).code).toBe(ResponseCode.INVALID_PARAMETER);
      expect((await clone({ srcGroup: 'nobody' })).code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST);
      expect((await clone({ destGroup: 'a b' })).code).toBe(ResponseCode.INVALID_PARAMETER);
    });
  });
});
