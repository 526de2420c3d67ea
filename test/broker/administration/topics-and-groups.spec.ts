import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PullSysFlag, RequestCode, ResponseCode } from '../../../lib/protocol/index.js';
import { TestBroker, type TestClient } from '../harness.js';

const json = (body: Buffer | undefined) => JSON.parse(body!.toString());
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('topics, as tools see them', () => {
  let broker: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
  });
  afterEach(() => broker.stop());

  it('come all at once, or page by page', async () => {
    for (const name of ['a', 'b', 'c']) await client.sent(name, 'x');
    const all = await client.invoke(RequestCode.GET_ALL_TOPIC_CONFIG);
    const { topicConfigTable, dataVersion } = json(all.body);
    expect(topicConfigTable.b).toEqual({
      attributes: {},
      order: false,
      perm: 6,
      readQueueNums: 4,
      topicFilterType: 'SINGLE_TAG',
      topicName: 'b',
      topicSysFlag: 0,
      writeQueueNums: 4,
    });
    expect(dataVersion.counter).toBe(5);
    const total = Object.keys(topicConfigTable).length;
    const page = await client.invoke(RequestCode.GET_ALL_TOPIC_CONFIG, { topicSeq: 1, maxTopicNum: 2 });
    expect(Object.keys(json(page.body).topicConfigTable)).toEqual(Object.keys(topicConfigTable).slice(1, 3));
    expect(page.header).toEqual({ totalTopicNum: total });
  });

  it('come one by one', async () => {
    await client.sent('orders', 'x');
    expect(json((await client.invoke(RequestCode.GET_TOPIC_CONFIG, { topic: 'orders' })).body)).toMatchObject({
      topicName: 'orders',
      readQueueNums: 4,
    });
    expect((await client.invoke(RequestCode.GET_TOPIC_CONFIG, { topic: 'nowhere' })).code).toBe(
      ResponseCode.TOPIC_NOT_EXIST,
    );
  });

  it('are made in a list, of which one bad name keeps all out', async () => {
    const list = (...names: string[]) => bytes({ topicConfigList: names.map((topicName) => ({ topicName, perm: 6 })) });
    const code = RequestCode.UPDATE_AND_CREATE_TOPIC_LIST;
    expect((await client.invoke(code, {}, list('a', 'b'))).code).toBe(0);
    expect(broker.store.topics.get('b')).toMatchObject({ readQueueNums: 16, writeQueueNums: 16 });
    expect((await client.invoke(code, {}, list('c', 'TBW102'))).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect(broker.store.topics.get('c')).toBeUndefined();
    expect((await client.invoke(code, {}, Buffer.from('{'))).code).toBe(ResponseCode.INVALID_PARAMETER);
  });

  it('cannot have attributes, which would mean nothing', async () => {
    const header = {
      topic: 'orders',
      defaultTopic: 'TBW102',
      readQueueNums: 1,
      writeQueueNums: 1,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
    };
    const made = (attributes: string) => client.invoke(RequestCode.UPDATE_AND_CREATE_TOPIC, { ...header, attributes });
    expect((await made('+queue.type=BatchCQ')).code).toBe(ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
    expect((await made('')).code).toBe(0);
  });

  it('are listed by name when they are the broker’s own', async () => {
    const { topicList } = json((await client.invoke(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER)).body);
    expect(topicList).toEqual(expect.arrayContaining(['TBW102', 'SCHEDULE_TOPIC_XXXX', 'rmq_sys_wheel_timer']));
  });

  it('lose what is left of deleted ones when told to', async () => {
    await client.sent('orders', 'x');
    await broker.store.checkpoint();
    const number = broker.store.topics.get('orders')!.number;
    await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
    const files = () => broker.platform.fileSystem.list('/store/consumequeue');
    expect(await files()).toContain(String(number));
    expect((await client.invoke(RequestCode.CLEAN_UNUSED_TOPIC)).code).toBe(0);
    expect(await files()).not.toContain(String(number));
  });

  it.each([RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE, RequestCode.DELETE_EXPIRED_COMMITLOG])(
    'let expired messages go when told to (%d)',
    async (code) => {
      await broker.stop();
      const retention = { ageMillis: 1_000, strict: true, checkMillis: 3_600_000 };
      broker = await TestBroker.start({}, undefined, { segmentBytes: 4_096, retention });
      client = broker.client();
      for (let n = 0; n < 20; n++) await client.sent('orders', 'x'.repeat(500));
      await broker.clock.advance(60_000);
      expect(broker.store.minOffset('orders', 0)).toBe(0);
      expect((await client.invoke(code)).code).toBe(0);
      expect(broker.store.minOffset('orders', 0)).toBeGreaterThan(0);
    },
  );
});

describe('groups, as tools see them', () => {
  let broker: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const put = (group: object) =>
    client.invoke(RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, bytes({ groupName: 'billing', ...group }));
  const get = async (group = 'billing') =>
    json((await client.invoke(RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, { group })).body);
  const commit = (offset: number) => {
    broker.store.progress.commit('billing', 'orders', 0, offset);
  };

  it('are made and changed; what is not said is RocketMQ’s default', async () => {
    expect((await put({ retryMaxTimes: 3 })).code).toBe(0);
    expect(await get()).toMatchObject({ retryMaxTimes: 3, retryQueueNums: 1, consumeEnable: true, brokerId: 0 });
    expect(broker.store.topics.get('%RETRY%billing')).toBeDefined();
    await put({ retryMaxTimes: 5, consumeFromMinEnable: false, notifyConsumerIdsChangedEnable: false });
    expect(await get()).toMatchObject({
      retryMaxTimes: 5,
      consumeFromMinEnable: false,
      notifyConsumerIdsChangedEnable: false,
    });
    const all = await client.invoke(RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG);
    expect(json(all.body).subscriptionGroupTable.billing.retryMaxTimes).toBe(5);
    expect(all.header).toEqual({ totalGroupNum: 1 });
  });

  it('outlive a restart with what was set', async () => {
    await put({ consumeEnable: false, notifyConsumerIdsChangedEnable: false });
    const { fileSystem } = broker.platform;
    await broker.stop();
    broker = await TestBroker.start({}, fileSystem);
    client = broker.client();
    expect(await get()).toMatchObject({ consumeEnable: false, notifyConsumerIdsChangedEnable: false });
  });

  it.each([
    ['a name that is none', { groupName: 'a b' }],
    ['no name', { groupName: null }],
    ['retries beyond every bound', { retryMaxTimes: 1_000_000 }],
    ['a limit that is a text', { retryMaxTimes: '3' }],
  ])('are not made with %s', async (_what, group) => {
    expect((await put(group)).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect(broker.store.groups.size).toBe(0);
  });

  it('are made in a list', async () => {
    const body = bytes({ groupConfigList: [{ groupName: 'a' }, { groupName: 'b', retryMaxTimes: 1 }] });
    expect((await client.invoke(RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, {}, body)).code).toBe(0);
    expect(await get('b')).toMatchObject({ retryMaxTimes: 1 });
  });

  it('that do not exist are named as such', async () => {
    const answer = await client.invoke(RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, { group: 'nobody' });
    expect(answer.code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST);
  });

  it('get no messages while they are switched off, not even by a pull that waits', async () => {
    await client.sent('orders', 'x');
    await client.join('billing', 'orders');
    const waiting = client.waitingPull('billing', 'orders', 0, 1);
    await put({ consumeEnable: false });
    expect(await waiting).toMatchObject({ code: ResponseCode.NO_PERMISSION });
    expect(await client.pull('billing', 'orders', 0, 0)).toMatchObject({ code: ResponseCode.NO_PERMISSION });
    await put({ consumeEnable: true });
    expect((await client.pull('billing', 'orders', 0, 0)).records).toHaveLength(1);
  });

  it('may not broadcast when that is forbidden', async () => {
    await put({ consumeBroadcastEnable: false });
    await client.sent('orders', 'x');
    await client.join('billing', 'orders', '*', { messageModel: 'BROADCASTING' });
    expect(await client.pull('billing', 'orders', 0, 0)).toMatchObject({ code: ResponseCode.NO_PERMISSION });
    await client.join('billing', 'orders');
    expect((await client.pull('billing', 'orders', 0, 0)).code).toBe(0);
  });

  it('can be kept from one topic', async () => {
    await client.sent('orders', 'x');
    await client.sent('mails', 'x');
    await client.join('billing', 'orders');
    const forbid = async (readable?: boolean) =>
      json(
        (
          await client.invoke(RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, {
            group: 'billing',
            topic: 'orders',
            readable,
          })
        ).body,
      );
    expect(await forbid()).toEqual({ group: 'billing', topic: 'orders', readable: true });
    expect(await forbid(false)).toMatchObject({ readable: false });
    const pull = (topic: string) =>
      client.pull('billing', topic, 0, 0, { sysFlag: PullSysFlag.SUBSCRIPTION, subscription: '*' });
    expect((await pull('orders')).code).toBe(ResponseCode.NO_PERMISSION);
    expect((await pull('mails')).code).toBe(0);
    const all = await client.invoke(RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG);
    expect(json(all.body).forbiddenTable).toEqual({ billing: { orders: 4 } });
    expect(await forbid(true)).toMatchObject({ readable: true });
    expect((await pull('orders')).code).toBe(0);
  });

  it('hear nothing of members that come and go when that is switched off', async () => {
    await put({ notifyConsumerIdsChangedEnable: false });
    const other = broker.client();
    await client.join('billing', 'orders');
    await other.join('billing', 'orders');
    expect(client.notified).toEqual([]);
    await put({});
    await broker.client().join('billing', 'orders');
    await broker.clock.advance(1);
    expect(client.notified).toEqual(['billing']);
  });

  it.each([
    ['kept by default', {}, 1],
    ['deleted with RocketMQ 5’s flag', { cleanOffset: true }, undefined],
    ['deleted with RocketMQ 4.9’s flag', { removeOffset: true }, undefined],
  ])('are deleted; their positions are %s', async (_what, flags, position) => {
    await client.sent('orders', 'x');
    await put({});
    commit(1);
    const code = RequestCode.DELETE_SUBSCRIPTIONGROUP;
    expect((await client.invoke(code, { groupName: 'billing', ...flags })).code).toBe(0);
    expect(broker.store.groups.get('billing')).toBeUndefined();
    expect(broker.store.progress.query('billing', 'orders', 0)).toBe(position);
    expect((await client.invoke(code, { groupName: 'billing' })).code).toBe(0);
  });

  it('are not deleted while they are at work', async () => {
    await client.join('billing', 'orders');
    const answer = await client.invoke(RequestCode.DELETE_SUBSCRIPTIONGROUP, { groupName: 'billing' });
    expect(answer).toMatchObject({ code: ResponseCode.INVALID_PARAMETER });
    expect(answer.remark).toContain(client.clientId);
    expect(broker.store.groups.get('billing')).toBeDefined();
  });

  it('know their topics, registered or with a position', async () => {
    await client.sent('orders', 'x');
    await client.join('billing', 'mails');
    commit(1);
    const { topicList } = json((await client.invoke(RequestCode.QUERY_TOPICS_BY_CONSUMER, { group: 'billing' })).body);
    expect(topicList.toSorted()).toEqual(['%RETRY%billing', 'mails', 'orders']);
  });
});
