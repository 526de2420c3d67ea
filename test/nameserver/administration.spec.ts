import { beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import {
  decodeBrokerMembers,
  decodeConfigText,
  decodeKvTable,
  decodeTopicList,
  encodeDataVersion,
  encodeTopicRouteData,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { topic, World } from './harness.js';

const both = [topic('orders'), topic('other')];

describe('the administration of a NameServer', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });

  const names = async (code: number, header: object = {}): Promise<string[]> =>
    decodeTopicList((await world.ask(code, header)).body!).topicList;
  const put = (namespace: string, key: string, value: string) =>
    world.ask(RequestCode.PUT_KV_CONFIG, { namespace, key, value });

  it('keeps, lists and deletes KV configuration', async () => {
    expect((await put('ns', 'a', '1')).code).toBe(0);
    await put('ns', 'b', '2');
    const got = await world.ask(RequestCode.GET_KV_CONFIG, { namespace: 'ns', key: 'a' });
    expect(got.header).toEqual({ value: '1' });
    const listed = await world.ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace: 'ns' });
    expect(Object.fromEntries(decodeKvTable(listed.body!))).toEqual({ a: '1', b: '2' });
    for (const key of ['a', 'b', 'never']) await world.ask(RequestCode.DELETE_KV_CONFIG, { namespace: 'ns', key });
    for (const code of [RequestCode.GET_KV_CONFIG, RequestCode.GET_KVLIST_BY_NAMESPACE]) {
      expect((await world.ask(code, { namespace: 'ns', key: 'a' })).code).toBe(ResponseCode.QUERY_NOT_FOUND);
    }
  });

  it('has the KV configuration again after a restart, and refuses to start on one that it cannot read', async () => {
    const fileSystem = new MemoryFileSystem();
    const before = await World.start({}, fileSystem);
    await before.ask(RequestCode.PUT_KV_CONFIG, { namespace: 'ns', key: '__proto__', value: 'ä' });
    const after = await World.start({}, fileSystem);
    const got = await after.ask(RequestCode.GET_KV_CONFIG, { namespace: 'ns', key: '__proto__' });
    expect(got.header).toEqual({ value: 'ä' });
    const file = await fileSystem.open('/namesrv/kvConfig.json', 'write');
    await file.truncate(5);
    await file.close();
    await expect(World.start({}, fileSystem)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  it('takes no endless KV configuration', async () => {
    expect((await put('ns', 'k', 'x'.repeat(70_000))).remark).toMatch(/^BAD_ARGUMENT: /);
    expect((await put('ns', '', 'x')).remark).toMatch(/^BAD_ARGUMENT: /);
    await Promise.all(Array.from({ length: 10_000 }, (_, i) => put('ns', `k${i}`, 'x')));
    expect((await put('ns', 'one too many', 'x')).remark).toMatch(/^BROKER_BUSY: /);
    expect((await put('ns', 'k1', 'y')).code).toBe(0);
  });

  it('tells in routes, and to brokers, which queues keys go to by order of an administrator', async () => {
    await world.register('a', both);
    await put('ORDER_TOPIC_CONFIG', 'orders', 'a:2;b:2');
    expect(await world.route('orders')).toMatchObject({ orderTopicConf: 'a:2;b:2' });
    const { body } = await world.register('b', both);
    expect(Object.fromEntries(decodeKvTable(body!))).toEqual({ orders: 'a:2;b:2' });
    await world.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, Buffer.from('orderMessageEnable=false\n'));
    expect(await world.route('orders')).toMatchObject({ orderTopicConf: undefined });
  });

  it('takes write permission from a broker and gives it back', async () => {
    await Promise.all([world.register('a', both), world.register('b', both)]);
    const wiped = await world.ask(RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: 'a' });
    expect(wiped.header).toEqual({ wipeTopicCount: 2 });
    const closed = {
      queueDatas: [
        { brokerName: 'a', perm: 4 },
        { brokerName: 'b', perm: 6 },
      ],
    };
    expect(await world.route('orders')).toMatchObject({ ...closed, keyQueues: 'a:4;b:4' });
    // ... whatever the broker says meanwhile.
    await world.register('a', both, { counter: 2 });
    expect(await world.route('orders')).toMatchObject(closed);
    const given = await world.ask(RequestCode.ADD_WRITE_PERM_OF_BROKER, { brokerName: 'a' });
    expect(given.header).toEqual({ addTopicCount: 2 });
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ perm: 6 }, { perm: 6 }], keyQueues: undefined });
    expect((await world.ask(RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: 'nobody' })).header).toEqual({
      wipeTopicCount: 0,
    });
  });

  it('lists topics by cluster and by kind, and those that are named after brokers', async () => {
    await world.register('a', [topic('plain'), topic('unit', 4, { topicSysFlag: 1 })]);
    await world.register({ brokerName: 'b', clusterName: 'd' }, [
      topic('sub', 4, { topicSysFlag: 2 }),
      topic('unitSub', 4, { topicSysFlag: 3 }),
    ]);
    expect(await names(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: 'c' })).toEqual(['plain', 'unit']);
    expect(await names(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: 'nowhere' })).toEqual([]);
    expect(await names(RequestCode.GET_UNIT_TOPIC_LIST)).toEqual(['unit', 'unitSub']);
    expect(await names(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST)).toEqual(['sub', 'unitSub']);
    expect(await names(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST)).toEqual(['sub']);
    const system = decodeTopicList((await world.ask(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS)).body!);
    expect(system).toEqual({ topicList: ['c', 'd', 'a', 'b'], brokerAddr: 'a.example:10911' });
  });

  it('shows the members of a broker group', async () => {
    await world.register('a', both);
    await world.register({ brokerName: 'a', brokerAddr: 'slave:1', brokerId: 1 }, []);
    const members = async (clusterName: string) =>
      decodeBrokerMembers(
        (await world.ask(RequestCode.GET_BROKER_MEMBER_GROUP, { clusterName, brokerName: 'a' })).body!,
      ).brokerAddrs;
    expect([...(await members('c'))]).toEqual([
      [0, 'a.example:10911'],
      [1, 'slave:1'],
    ]);
    expect((await members('other')).size).toBe(0);
  });

  it('deletes a topic from one cluster or from all, and takes one in', async () => {
    await world.register('a', both);
    await world.register({ brokerName: 'b', clusterName: 'd' }, both);
    await world.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: 'orders', clusterName: 'd' });
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'a' }] });
    await world.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: 'orders' });
    expect(await world.route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    const queues = { readQueueNums: 2, writeQueueNums: 2, perm: 6, topicSysFlag: 0 };
    const route = { brokerDatas: [], queueDatas: ['b', 'nobody'].map((brokerName) => ({ brokerName, ...queues })) };
    await world.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: 'orders' }, encodeTopicRouteData(route));
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'b', writeQueueNums: 2 }] });
  });

  it('says whether it has the newest topics of a broker, which counts as a sign of life', async () => {
    await world.register('a', both);
    const header = { brokerName: 'a', brokerAddr: 'a.example:10911', clusterName: 'c', brokerId: 0 };
    const query = (counter: number) =>
      world.ask(RequestCode.QUERY_DATA_VERSION, header, encodeDataVersion({ counter, stateVersion: 0, timestamp: 1 }));
    for (let minute = 0; minute < 5; minute++) {
      await world.clock.advance(60_000);
      expect((await query(1)).header).toEqual({ changed: false });
    }
    expect((await query(2)).header).toEqual({ changed: true });
    for (let minute = 0; minute < 5; minute++) {
      await world.clock.advance(60_000);
      expect((await world.ask(RequestCode.BROKER_HEARTBEAT, header)).code).toBe(0);
    }
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'a' }] });
    await world.clock.advance(131_000);
    expect(await world.route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('shows its settings, and changes those that may be changed, all or none', async () => {
    const settings = async () =>
      Object.fromEntries(decodeConfigText((await world.ask(RequestCode.GET_NAMESRV_CONFIG)).body!));
    const update = (text: string) => world.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, Buffer.from(text));
    expect(await settings()).toMatchObject({ brokerExpiryMillis: '120000', scanNotActiveBrokerInterval: '10000' });
    expect((await update('# slower\nscanNotActiveBrokerInterval=20000\nenableAllTopicList=false\n')).code).toBe(0);
    expect(await settings()).toMatchObject({ scanNotActiveBrokerInterval: '20000', enableAllTopicList: 'false' });
    expect((await world.ask(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).code).toBe(ResponseCode.SYSTEM_ERROR);
    expect((await update('enableAllTopicList=true\nkvConfigPath=/etc/passwd\n')).code).toBe(ResponseCode.NO_PERMISSION);
    expect((await update('brokerExpiryMillis=-1\n')).remark).toMatch(/^BAD_ARGUMENT: /);
    expect((await update('constructor=1\n')).code).toBe(ResponseCode.NO_PERMISSION);
    expect(await settings()).toMatchObject({ enableAllTopicList: 'false', brokerExpiryMillis: '120000' });
  });

  it('forgets brokers by its own settings', async () => {
    world = await World.start({ brokerExpiryMillis: 3_000, scanMillis: 1_000 });
    await world.register('a', both);
    await world.register({ brokerName: 'b', heartbeatTimeoutMillis: 60_000 }, both);
    await world.clock.advance(4_001);
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'b' }], keyQueues: 'a:4;b:4' });
  });
});
