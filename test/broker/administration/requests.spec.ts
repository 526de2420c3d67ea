import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeRecord, ResponseCode, RequestCode } from '../../../lib/protocol/index.js';
import { pullHeader, sendHeader, TestBroker, type TestClient } from '../harness.js';

/** What every field of a request may be; the test spoils some of them. */
const VALID = {
  ...sendHeader('orders'),
  ...pullHeader('billing', 'orders', 0, 0),
  group: 'billing',
  offset: 0,
  delayLevel: 1,
  timestamp: 0,
  readQueueNums: 4,
  writeQueueNums: 4,
  perm: 6,
};

describe('administration', () => {
  let broker: TestBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const create = (topic: string, overrides: object = {}) =>
    client.invoke(RequestCode.UPDATE_AND_CREATE_TOPIC, {
      topic,
      defaultTopic: 'TBW102',
      readQueueNums: 8,
      writeQueueNums: 8,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
      order: false,
      ...overrides,
    });

  it('creates topics, changes them and says so to whoever announces them', async () => {
    const heard: string[] = [];
    broker.broker.topics.onChange((name, topic) => void heard.push(`${name}:${topic?.writeQueueNums}`));
    expect((await create('orders')).code).toBe(0);
    expect((await create('orders', { readQueueNums: 12, writeQueueNums: 12 })).code).toBe(0);
    expect(broker.store.topics.get('orders')).toMatchObject({ writeQueueNums: 12, orderedQueues: 8 });
    await client.sent('made-by-a-send', 'x');
    await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
    expect(heard).toEqual(['orders:8', 'orders:12', 'made-by-a-send:4', 'orders:undefined']);
  });

  it.each([
    ['a name that is none', 'a b', {}],
    ['a system topic', 'TBW102', {}],
    ['no queues', 'orders', { readQueueNums: 0 }],
    ['more queues than there can be', 'orders', { writeQueueNums: 1_000_000 }],
    ['an unknown permission', 'orders', { perm: 9 }],
  ])('does not create a topic with %s', async (_what, topic, overrides) => {
    expect((await create(topic, overrides)).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect(broker.store.topics.get(topic)).toBeUndefined();
  });

  it('deletes a topic with its positions; the next of its name starts anew', async () => {
    await client.join('billing', 'orders');
    await client.sent('orders', 'old');
    await client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, {
      consumerGroup: 'billing',
      topic: 'orders',
      queueId: 0,
      commitOffset: 1,
    });
    expect((await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' })).code).toBe(0);
    expect((await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' })).code).toBe(0);
    expect(broker.store.progress.query('billing', 'orders', 0)).toBeUndefined();
    expect((await client.sent('orders', 'new')).queueOffset).toBe(0);
    const { records } = await client.pull('reader', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    expect(records.map(({ body }) => body.toString())).toEqual(['new']);
  });

  it('lets groups at work start at the beginning of a successor of a deleted topic', async () => {
    await client.sent('orders', 'old');
    await client.join('billing', 'orders');
    await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
    await client.sent('orders', 'first of the successor');
    await client.join('billing', 'orders');
    const header = { consumerGroup: 'billing', topic: 'orders', queueId: 0 };
    expect((await client.invoke(RequestCode.QUERY_CONSUMER_OFFSET, header)).header).toEqual({ offset: 0 });
  });

  it('shows a message by its place, as it is stored', async () => {
    await client.sent('orders', 'first');
    const { msgId } = await client.sent('orders', 'second');
    const offset = Number.parseInt(msgId.slice(16), 16);
    const response = await client.invoke(RequestCode.VIEW_MESSAGE_BY_ID, { offset });
    expect(response.code).toBe(0);
    expect(decodeRecord(response.body!).body.toString()).toBe('second');
    expect((await client.invoke(RequestCode.VIEW_MESSAGE_BY_ID, { offset: offset + 1 })).code).toBe(
      ResponseCode.SYSTEM_ERROR,
    );
  });

  it('shows the ends of a topic’s queues in RocketMQ’s own notation', async () => {
    await client.sent('orders', 'x', { queueId: 1 });
    const { body } = await client.invoke(RequestCode.GET_TOPIC_STATS_INFO, { topic: 'orders' });
    expect(body!.toString()).toContain(
      '{"brokerName":"nestmq","queueId":1,"topic":"orders"}:{"lastUpdateTimestamp":1767225600000,"maxOffset":1,"minOffset":0}',
    );
    expect((await client.invoke(RequestCode.GET_TOPIC_STATS_INFO, { topic: 'nowhere' })).code).toBe(
      ResponseCode.TOPIC_NOT_EXIST,
    );
  });

  it('changes no setting outside of its list', async () => {
    const answer = await client.invoke(RequestCode.UPDATE_BROKER_CONFIG, {}, Buffer.from('rocketmqHome=/tmp'));
    expect(answer.code).toBe(ResponseCode.NO_PERMISSION);
  });

  it('answers every other code with REQUEST_CODE_NOT_SUPPORTED', async () => {
    for (const code of [0, 9, 12, 43, 326, 370, 400, 200_050, -1, 2 ** 31 - 1]) {
      expect((await client.invoke(code)).code).toBe(ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
    }
  });

  it('answers every request once, whatever its header and body hold', async () => {
    await client.join('billing', 'orders');
    await client.sent('orders', 'x');
    const oddNumber = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.constantFrom(-1, 0, 1, 2 ** 31, 2 ** 53, Number.NaN, Infinity),
    );
    const value = fc.oneof(
      oddNumber,
      fc.string(),
      fc.boolean(),
      fc.constantFrom(undefined, 'orders', 'billing', '%RETRY%billing', '__proto__'),
    );
    const names =
      'topic queueId queueOffset consumerGroup group offset commitOffset sysFlag maxMsgNums properties subscription delayLevel retryDelayMs reason timestamp readQueueNums writeQueueNums perm clientID producerGroup defaultTopic defaultTopicQueueNums reconsumeTimes batch bornTimestamp flag suspendTimeoutMillis subVersion maxMsgBytes'.split(
        ' ',
      );
    const header = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });
    const code = fc.constantFrom(
      10,
      11,
      14,
      15,
      17,
      28,
      29,
      30,
      31,
      32,
      33,
      34,
      35,
      36,
      38,
      41,
      42,
      46,
      18,
      21,
      25,
      200,
      202,
      203,
      207,
      208,
      222,
      223,
      225,
      303,
      307,
      308,
      309,
      310,
      314,
      315,
      317,
      321,
      323,
      353,
      320,
      361,
      31_001,
    );
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.constant(undefined),
    );
    await fc.assert(
      fc.asyncProperty(code, header, body, async (requestCode, fields, bytes) => {
        const answer = client.invoke(
          requestCode,
          { ...VALID, ...fields },
          bytes === undefined ? undefined : Buffer.from(bytes),
        );
        await broker.clock.advance(30_100);
        expect(Number.isInteger((await answer).code)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect((await client.sent('orders', 'still there')).queueOffset).toBeGreaterThan(0);
  });

  it('survives requests without anything in them', async () => {
    for (let code = 10; code <= 46; code++) expect((await client.invoke(code, {})).code).toBeGreaterThanOrEqual(0);
    await client.sent('orders', 'still there');
  });
});
