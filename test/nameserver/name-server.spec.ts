import { beforeEach, describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { NameServer } from '../../lib/nameserver/index.js';
import { MemoryFileSystem, SeededRandom, silentLogger, VirtualClock } from '../../lib/platform/index.js';
import {
  createRequest,
  decodeClusterInfo,
  decodeTopicList,
  decodeTopicRouteData,
  encodeRegisterBrokerBody,
  type RegisterBrokerRequestHeader,
  RequestCode,
  ResponseCode,
  type TopicConfig,
} from '../../lib/protocol/index.js';
import { type Channel, createInProcessPair } from '../../lib/remoting/index.js';

const LOCAL = { brokerName: 'here', clusterName: 'DefaultCluster', address: '127.0.0.1:9876' };

function topic(topicName: string, queues = 4, orderedQueues?: number) {
  return {
    topicName,
    readQueueNums: queues,
    writeQueueNums: queues,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    ...(orderedQueues === undefined ? {} : { orderedQueues }),
  };
}

describe('the NameServer', () => {
  let clock: VirtualClock;
  let nameServer: NameServer;
  let client: Channel;

  const connect = (): Channel => {
    const pair = createInProcessPair(clock);
    nameServer.accept(pair.server);
    return pair.client;
  };
  const ask = (code: number, header: object = {}, body?: Buffer, channel = client) =>
    channel.invoke(createRequest(code, header, body), 3_000);
  const route = async (name: string) => {
    const { code, body } = await ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: name });
    return code === 0 ? decodeTopicRouteData(body!) : code;
  };
  const register = (
    channel: Channel,
    topics: TopicConfig[],
    header: Partial<RegisterBrokerRequestHeader> = {},
    counter = 1,
  ) => {
    const body = encodeRegisterBrokerBody({
      dataVersion: { counter, stateVersion: 0, timestamp: 1 },
      topicConfigTable: new Map(topics.map((config) => [config.topicName, config])),
      filterServerList: [],
    });
    const full = {
      brokerName: 'a',
      brokerAddr: '10.0.0.1:10911',
      clusterName: 'c',
      haServerAddr: '10.0.0.1:10912',
      brokerId: 0,
      ...header,
    };
    return ask(RequestCode.REGISTER_BROKER, full, body, channel);
  };

  beforeEach(() => {
    clock = new VirtualClock();
    nameServer = new NameServer({
      clock,
      fileSystem: new MemoryFileSystem(),
      random: new SeededRandom(1),
      logger: silentLogger,
    });
    nameServer.start();
    client = connect();
  });

  it('leads to the broker of its own process, in the notation that Java and Go read', async () => {
    nameServer.announce(LOCAL, [topic('orders')]);
    const { body } = await ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: 'orders' });
    const text = body!.toString();
    expect(text).toContain('"brokerAddrs":{"0":"127.0.0.1:9876"}');
    expect(text).not.toMatch(/\s/);
    expect(decodeTopicRouteData(body!).queueDatas).toEqual([
      { brokerName: 'here', readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 },
    ]);
  });

  it('knows nothing of a topic that nobody has announced', async () => {
    expect(await route('nowhere')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    expect(await route('__proto__')).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('says over how many queues keys go once a topic has more', async () => {
    nameServer.announce(LOCAL, [topic('orders', 4, 4)]);
    expect(await route('orders')).toMatchObject({ orderTopicConf: undefined });
    nameServer.announce(LOCAL, [topic('orders', 8, 4)]);
    expect(await route('orders')).toMatchObject({ orderTopicConf: 'here:4', queueDatas: [{ writeQueueNums: 8 }] });
  });

  it('says it of all brokers of the topic, by name', async () => {
    nameServer.announce({ ...LOCAL, brokerName: 'z', address: '127.0.0.1:1' }, [topic('orders', 8, 4)]);
    nameServer.announce({ ...LOCAL, brokerName: 'a', address: '127.0.0.1:2' }, [topic('orders', 4, 4)]);
    expect(await route('orders')).toMatchObject({ orderTopicConf: 'a:4;z:4' });
  });

  it('goes on saying it once they were spread anew', async () => {
    nameServer.announce(LOCAL, [{ ...topic('orders', 8, 8), keysSpread: true }]);
    expect(await route('orders')).toMatchObject({ orderTopicConf: 'here:8' });
  });

  it('takes single topics in and out as they come and go', async () => {
    nameServer.announce(LOCAL, [topic('orders'), topic('payments')]);
    nameServer.announce(LOCAL, [topic('refunds')]);
    nameServer.withdrawTopic(LOCAL, 'orders');
    expect(await route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    const { body } = await ask(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER);
    expect(decodeTopicList(body!).topicList).toEqual(['payments', 'refunds']);
    nameServer.withdraw(LOCAL);
    expect(await route('payments')).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  describe('with brokers that register over the network', () => {
    it('leads to all of them, and shows them by cluster', async () => {
      nameServer.announce(LOCAL, [topic('orders')]);
      const broker = connect();
      expect((await register(broker, [topic('orders', 8), topic('other')])).code).toBe(0);
      await register(connect(), [], { brokerAddr: '10.0.0.2:10911', brokerId: 1 });
      const found = await route('orders');
      expect(found).toMatchObject({ queueDatas: [{ brokerName: 'a', writeQueueNums: 8 }, { brokerName: 'here' }] });
      const { body } = await ask(RequestCode.GET_BROKER_CLUSTER_INFO);
      const info = decodeClusterInfo(body!);
      expect(info.clusterAddrTable).toEqual(
        new Map([
          ['DefaultCluster', ['here']],
          ['c', ['a']],
        ]),
      );
      expect(info.brokerAddrTable.get('a')!.brokerAddrs).toEqual(
        new Map([
          [0, '10.0.0.1:10911'],
          [1, '10.0.0.2:10911'],
        ]),
      );
    });

    it('forgets a broker when its connection closes, when it says good-bye, and when it falls silent', async () => {
      const both = [topic('orders'), topic('other')];
      const closing = connect();
      await register(closing, both);
      await closing.close();
      expect(await route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
      const leaving = connect();
      await register(leaving, both);
      await ask(
        RequestCode.UNREGISTER_BROKER,
        { brokerName: 'a', brokerAddr: '10.0.0.1:10911', clusterName: 'c', brokerId: 0 },
        undefined,
        leaving,
      );
      expect(await route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
      const silent = connect();
      await register(silent, both);
      await clock.advance(110_000);
      await register(silent, both);
      await clock.advance(119_000);
      expect(await route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'a' }] });
      await clock.advance(12_000);
      expect(await route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    });

    it('takes over changes only with a new version of the topics', async () => {
      const broker = connect();
      await register(broker, [topic('orders', 4), topic('other')]);
      await register(broker, [topic('orders', 16)]);
      expect(await route('orders')).toMatchObject({ queueDatas: [{ writeQueueNums: 4 }] });
      await register(broker, [topic('orders', 16)], {}, 2);
      expect(await route('orders')).toMatchObject({ queueDatas: [{ writeQueueNums: 16 }] });
      expect(await route('other')).toMatchObject({ queueDatas: [{ writeQueueNums: 4 }] });
    });

    it('lets a slave become the master at the same address', async () => {
      const broker = connect();
      await register(broker, [], { brokerId: 1 });
      await register(broker, [topic('orders'), topic('other')], { brokerId: 0 });
      const found = await route('orders');
      expect(found).toMatchObject({ brokerDatas: [{ brokerAddrs: new Map([[0, '10.0.0.1:10911']]) }] });
    });

    it.each([
      ['a first registration of a single topic', {}, [topic('orders')]],
      ['a body that was damaged', { bodyCrc32: 1 }, [topic('orders'), topic('other')]],
      ['a compressed body that is none', { compressed: true }, [topic('orders'), topic('other')]],
      ['the name of the broker in this process', { brokerName: 'here' }, [topic('orders'), topic('other')]],
    ])('refuses %s', async (_what, header, topics) => {
      nameServer.announce(LOCAL, []);
      const response = await register(connect(), topics, header);
      expect(response.code).not.toBe(ResponseCode.SUCCESS);
      expect(response.remark).toMatch(/^[A-Z_]+: ./);
      expect(await route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    });

    it('takes no more brokers and topics than it has room for, but goes on with those that it knows', async () => {
      const broker = connect();
      const many = Array.from({ length: 1_000 }, (_, i) => topic(`t${i}`));
      for (let i = 0; i < 10; i++) expect((await register(broker, many)).code).toBe(0);
      const full = await Promise.all(
        Array.from({ length: 10_000 }, (_, i) =>
          register(broker, [], { brokerName: `b${i}`, brokerAddr: `10.1.0.0:${i}` }),
        ),
      );
      expect(full.filter(({ code }) => code !== 0)).toHaveLength(1);
      expect((await register(broker, many)).code).toBe(0);
    });

    it('checks the body against its CRC', async () => {
      const body = encodeRegisterBrokerBody({
        dataVersion: { counter: 1, stateVersion: 0, timestamp: 1 },
        topicConfigTable: new Map([
          ['orders', topic('orders')],
          ['other', topic('other')],
        ]),
        filterServerList: [],
      });
      const header = {
        brokerName: 'a',
        brokerAddr: '1.1.1.1:1',
        clusterName: 'c',
        haServerAddr: '',
        brokerId: 0,
        bodyCrc32: crc32(body) & 0x7fff_ffff,
      };
      expect((await ask(RequestCode.REGISTER_BROKER, header, body)).code).toBe(0);
    });

    it('lets administrators delete topics of theirs, but none of the broker in this process', async () => {
      nameServer.announce(LOCAL, [topic('orders')]);
      await register(connect(), [topic('orders'), topic('other')]);
      await ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: 'orders' });
      expect(await route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'here' }] });
    });
  });

  it('refuses what it does not know', async () => {
    expect((await ask(RequestCode.QUERY_BROKER_OFFSET)).code).toBe(ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
  });
});
