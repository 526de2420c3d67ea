import { beforeEach, describe, expect, it } from '@jest/globals';
import { deflateSync } from 'node:zlib';
import { encodeCompressedRegistration, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { topic, World } from './harness.js';

const both = [topic('orders'), topic('other')];

describe('brokers at a NameServer', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });

  it('may register in compressed form', async () => {
    expect((await world.register({ brokerName: 'a', compressed: true }, both)).code).toBe(0);
    expect(await world.route('other')).toMatchObject({ queueDatas: [{ brokerName: 'a', writeQueueNums: 4, perm: 6 }] });
  });

  it('may register in compressed form without saying so, as RocketMQ 5 does', async () => {
    const body = encodeCompressedRegistration({
      dataVersion: { counter: 1, stateVersion: 0, timestamp: 1 },
      topicConfigTable: new Map(both.map((config) => [config.topicName, config])),
      filterServerList: [],
    });
    const header = { brokerName: 'a', brokerAddr: 'a:1', clusterName: 'c', haServerAddr: '', brokerId: 0 };
    expect((await world.ask(RequestCode.REGISTER_BROKER, { ...header, compressed: false }, body)).code).toBe(0);
    expect(await world.route('other')).toMatchObject({ queueDatas: [{ brokerName: 'a', writeQueueNums: 4 }] });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['an empty stream', deflateSync(Buffer.alloc(0))],
    ['a block that is longer than all', deflateSync(Buffer.from([0x7f, 0xff, 0xff, 0xff]))],
    ['a flood', deflateSync(Buffer.alloc(80 * 1024 * 1024))],
  ])('cannot register with %s in compressed form', async (_what, body) => {
    const header = {
      brokerName: 'a',
      brokerAddr: 'a:1',
      clusterName: 'c',
      haServerAddr: '',
      brokerId: 0,
      compressed: true,
    };
    const response = await world.ask(RequestCode.REGISTER_BROKER, header, body);
    expect(response.remark).toMatch(/^BAD_ARGUMENT: /);
    expect(await world.route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('keep the queues of keys while they are away, as long as others have the topic', async () => {
    const a = world.connect();
    await world.register('a', both, { channel: a });
    await world.register('b', [topic('orders', 8), topic('only-b')]);
    expect(await world.route('orders')).toMatchObject({ keyQueues: undefined });
    await a.close();
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'b' }], keyQueues: 'a:4;b:8' });
    expect(await world.route('other')).toBe(ResponseCode.TOPIC_NOT_EXIST);
    expect(await world.route('only-b')).toMatchObject({ keyQueues: undefined });
    await world.register('a', both);
    expect(await world.route('orders')).toMatchObject({
      queueDatas: [{ brokerName: 'a' }, { brokerName: 'b' }],
      keyQueues: undefined,
    });
  });

  it('lose the queues of keys when they come back without the topic, and when an administrator gives them up', async () => {
    for (const step of ['back', 'given up']) {
      const a = world.connect();
      await world.register('a', both, { channel: a });
      await world.register('b', both);
      await a.close();
      expect(await world.route('orders')).toMatchObject({ keyQueues: 'a:4;b:4' });
      if (step === 'back') await world.register('a', [topic('other'), topic('fresh')]);
      else await world.ask(RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: 'a' });
      // ... and clients that knew it are told.
      expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'b' }], keyQueues: 'b:4' });
    }
  });

  it('tell over how many queues keys go', async () => {
    await world.register('a', [topic('orders', 8, { orderedQueues: 4 }), topic('other')]);
    await world.register('b', [topic('orders', 4), topic('other')]);
    expect(await world.route('orders')).toMatchObject({ orderTopicConf: 'a:4;b:4' });
  });

  it('delete topics by naming all that they have', async () => {
    const channel = world.connect();
    await world.register('a', both, { channel });
    await world.register('a', [topic('other')], { channel, counter: 2 });
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'a' }] });
    await world.register({ brokerName: 'a', allTopics: true }, [topic('other')], { channel, counter: 3 });
    expect(await world.route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('cannot take the name of one that is alive, but that of one that is gone', async () => {
    const first = world.connect();
    await world.register('a', both, { channel: first });
    const second = { brokerName: 'a', brokerAddr: 'elsewhere:1' };
    const refused = await world.register(second, both);
    expect(refused.code).toBe(ResponseCode.NO_PERMISSION);
    expect(refused.remark).toContain('a.example:10911');
    expect(await world.route('orders')).toMatchObject({
      brokerDatas: [{ brokerAddrs: new Map([[0, 'a.example:10911']]) }],
    });
    // A controller of RocketMQ has made the other one the master.
    expect((await world.register(second, both, { stateVersion: 1 })).code).toBe(0);
    await world.register('a', both, { stateVersion: 2 });
    // The connection of a machine without power stays.
    await world.clock.advance(46_000);
    expect((await world.register(second, both, { stateVersion: 2 })).code).toBe(0);
    expect(await world.route('orders')).toMatchObject({
      brokerDatas: [{ brokerAddrs: new Map([[0, 'elsewhere:1']]) }],
    });
  });

  it('stay when the connection that they left closes late', async () => {
    const [before, after] = [world.connect(), world.connect()];
    await world.register('a', both, { channel: before });
    await world.register('a', both, { channel: after });
    await before.close();
    expect(await world.route('orders')).toMatchObject({ queueDatas: [{ brokerName: 'a' }] });
    await after.close();
    expect(await world.route('orders')).toBe(ResponseCode.TOPIC_NOT_EXIST);
  });

  it('tell slaves who their master is', async () => {
    await world.register('a', both);
    const { header } = await world.register({ brokerName: 'a', brokerAddr: 'slave:1', brokerId: 1 }, []);
    expect(header).toEqual({ masterAddr: 'a.example:10911', haServerAddr: 'a.example:10912' });
  });

  it.each([
    ['no name', { brokerName: '' }],
    ['a long name', { brokerName: 'x'.repeat(300) }],
    ['no address', { brokerName: 'a', brokerAddr: '' }],
  ])('cannot register with %s', async (_what, header) => {
    expect((await world.register(header, both)).remark).toMatch(/^BAD_ARGUMENT: /);
  });
});
