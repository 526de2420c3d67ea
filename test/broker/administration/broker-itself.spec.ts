import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  decodeConfigText,
  decodeKvTable,
  encodeConfigText,
  encodeProperties,
  RequestCode,
  ResponseCode,
} from '../../../lib/protocol/index.js';
import { TestBroker, type TestClient } from '../harness.js';

const json = (body: Buffer | undefined) => JSON.parse(body!.toString());

describe('the broker, as tools see it', () => {
  let broker: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    broker = await TestBroker.start({ defaultQueues: 1 });
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const runtime = async () =>
    Object.fromEntries(decodeKvTable((await client.invoke(RequestCode.GET_BROKER_RUNTIME_INFO)).body!));
  const settings = async () =>
    Object.fromEntries(decodeConfigText((await client.invoke(RequestCode.GET_BROKER_CONFIG)).body!));
  const change = (entries: Record<string, string>) =>
    client.invoke(RequestCode.UPDATE_BROKER_CONFIG, {}, encodeConfigText(Object.entries(entries)));

  it('tells all that clusterList reads, with its own figures', async () => {
    await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    const started = broker.clock.now();
    for (let n = 0; n < 6; n++) await client.sent('orders', 'x');
    await client.sent('orders', 'later', { properties: encodeProperties([['DELAY', '5']]) });
    await client.pull('billing', 'orders', 0, 0);
    await client.pull('billing', 'orders', 0, 6);
    await broker.clock.advance(10_000);
    const info = await runtime();
    expect(info).toMatchObject({
      brokerActive: 'true',
      brokerVersionDesc: 'V5_3_3',
      putTps: '0.7 0.7 0.7',
      getTransferredTps: '0.6 0.6 0.6',
      getTotalTps: '0.2 0.2 0.2',
      sendThreadPoolQueueSize: '0',
      pullThreadPoolQueueSize: '0',
      earliestMessageTimeStamp: String(started),
      msgPutTotalTodayNow: '7',
      msgGetTotalTodayNow: '6',
      timerCongestNum: '1',
      timerReadBehind: '0',
      timerOffsetBehind: '0',
      timerEnqueueTps: '0.1',
      timerDequeueTps: '0',
      dispatchBehindBytes: '0',
      runtime: '[ 0 days, 0 hours, 0 minutes, 10 seconds ]',
    });
    expect(info['commitLogDiskRatio']).toMatch(/^0?\.?\d/);
    for (const key of ['pageCacheLockTimeMills', 'sendThreadPoolQueueHeadWaitTimeMills', 'ackThreadPoolQueueSize'])
      expect(info[key]).toBe('0');
    expect(Number(info['commitLogMaxOffset'])).toBe(broker.store.visibleOffset);
    await broker.clock.advance(86_400_000);
    expect(await runtime()).toMatchObject({ msgPutTotalYesterdayMorning: '0', msgPutTotalTodayMorning: '7' });
    await broker.clock.advance(86_400_000);
    expect(await runtime()).toMatchObject({ msgPutTotalYesterdayMorning: '7', putTps: '0 0 0' });
  });

  it('counts by topic and by group', async () => {
    await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    for (let n = 0; n < 6; n++) await client.sent('orders', 'x');
    const { records } = await client.pull('billing', 'orders', 0, 0);
    await client.invoke(RequestCode.CONSUMER_SEND_MSG_BACK, {
      group: 'billing',
      offset: records[0]!.physicalOffset,
      delayLevel: 1,
    });
    const sum = async (statsName: string, statsKey: string) => {
      const answer = await client.invoke(RequestCode.VIEW_BROKER_STATS_DATA, { statsName, statsKey });
      return answer.code === 0 ? json(answer.body).statsDay.sum : answer.code;
    };
    expect(await sum('TOPIC_PUT_NUMS', 'orders')).toBe(6);
    expect(await sum('TOPIC_PUT_SIZE', 'orders')).toBeGreaterThan(600);
    expect(await sum('GROUP_GET_NUMS', 'orders@billing')).toBe(6);
    expect(await sum('GROUP_GET_SIZE', 'orders@billing')).toBeGreaterThan(600);
    expect(await sum('SNDBCK_PUT_NUMS', 'orders@billing')).toBe(1);
    expect(await sum('BROKER_PUT_NUMS', 'DefaultCluster')).toBe(6);
    expect(await sum('BROKER_GET_NUMS', 'DefaultCluster')).toBe(6);
    expect(await sum('TOPIC_PUT_NUMS', 'nowhere')).toBe(ResponseCode.SYSTEM_ERROR);
    expect(await sum('COMMERCIAL_SEND_TIMES', 'orders')).toBe(ResponseCode.SYSTEM_ERROR);
    await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
    expect(await sum('TOPIC_PUT_NUMS', 'orders')).toBe(ResponseCode.SYSTEM_ERROR);
    expect(await sum('GROUP_GET_NUMS', 'orders@billing')).toBe(ResponseCode.SYSTEM_ERROR);
  });

  it('shows its settings under RocketMQ’s names, and no path', async () => {
    const shown = await settings();
    expect(shown).toMatchObject({
      brokerName: 'nestmq',
      brokerClusterName: 'DefaultCluster',
      brokerId: '0',
      brokerIP1: '127.0.0.1',
      listenPort: '9876',
      flushDiskType: 'SYNC_FLUSH',
      autoCreateTopicEnable: 'true',
      defaultTopicQueueNums: '1',
      transactionTimeOut: '6000',
    });
    expect(Object.values(shown).join()).not.toContain('/store');
    const { header } = await client.invoke(RequestCode.GET_BROKER_CONFIG);
    expect(JSON.parse((header as { version: string }).version)).toMatchObject({ counter: 0 });
  });

  it('takes changes of those in its list, and acts by them at once', async () => {
    expect((await change({ defaultTopicQueueNums: '3', transactionCheckMax: '2' })).code).toBe(0);
    await client.sent('three', 'x');
    expect(broker.store.topics.get('three')!.writeQueueNums).toBe(3);
    expect(await settings()).toMatchObject({ defaultTopicQueueNums: '3', transactionCheckMax: '2' });
    await change({ autoCreateTopicEnable: 'false' });
    expect((await client.send('nowhere', 'x')).code).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it.each([
    ['a setting outside of the list', { storePathRootDir: '/etc' }, ResponseCode.NO_PERMISSION],
    ['what Java would inherit', { __proto__x: '1' }, ResponseCode.NO_PERMISSION],
    ['a number that is none', { maxTopics: 'many' }, ResponseCode.INVALID_PARAMETER],
    ['nothing where a number should be', { maxTopics: '' }, ResponseCode.INVALID_PARAMETER],
    ['a number beyond its bound', { defaultTopicQueueNums: '99999' }, ResponseCode.INVALID_PARAMETER],
    ['a flag that is none', { autoCreateTopicEnable: 'yes' }, ResponseCode.INVALID_PARAMETER],
  ])('refuses %s, and all that comes with it', async (_what, entries, code) => {
    expect((await change({ transactionCheckMax: '2', ...entries })).code).toBe(code);
    expect(await settings()).toMatchObject({ transactionCheckMax: '15' });
  });

  it('shows where the messages of a queue lie', async () => {
    await client.join('billing', 'orders', 'a');
    for (const tag of ['a', 'b', 'c']) await client.sent('orders', 'x', { tag });
    const show = (header: object) =>
      client.invoke(RequestCode.QUERY_CONSUME_QUEUE, { topic: 'orders', queueId: 0, index: 1, count: 10, ...header });
    const { queueData, ...more } = json((await show({ consumerGroup: 'billing' })).body);
    expect(queueData.map(({ tagsCode }: { tagsCode: number }) => tagsCode)).toEqual([98, 99]);
    expect(queueData[1].physicOffset).toBe(queueData[0].physicOffset + queueData[0].physicSize);
    expect(more).toMatchObject({ maxQueueIndex: 3, minQueueIndex: 0, subscriptionData: { subString: 'a' } });
    await broker.store.checkpoint();
    expect(json((await show({ count: 1, consumerGroup: 'nobody' })).body)).toMatchObject({
      queueData: [{ tagsCode: 98 }],
      filterData: 'nobody@orders is not online!',
    });
    expect(json((await show({ index: -5 })).body).queueData).toEqual([]);
    expect(json((await show({ count: -1 })).body).queueData).toEqual([]);
    expect((await show({ queueId: 9 })).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect((await show({ topic: 'nowhere' })).code).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('says of what it never does why not', async () => {
    const answer = await client.invoke(RequestCode.POP_MESSAGE);
    expect(answer).toMatchObject({ code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED });
    expect(answer.remark).toContain('request type POP_MESSAGE not supported: messages are pulled here');
  });
});
