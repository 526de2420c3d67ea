import { beforeEach, describe, expect, it } from '@jest/globals';
import { javaHashCode, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import type { ClientOptions, MessagingClient } from '../../lib/client/index.js';
import { FakeCluster, isSend, refuse } from './fake-cluster.js';
import { text } from './support.js';

describe('a producer with several brokers', () => {
  let cluster: FakeCluster;
  beforeEach(() => {
    cluster = new FakeCluster('a', 'b', 'c');
    cluster.topics.set('t', 2);
  });

  const send = async (client: MessagingClient, body: string, more: { key?: string; topic?: string } = {}) => {
    const { key, topic = 't' } = more;
    const sent = client.producer.send(text(topic, body, key === undefined ? {} : { shardingKey: key }));
    let done = false;
    sent.then(
      () => (done = true),
      () => (done = true),
    );
    await cluster.clock.advanceUntil(() => done, 60_000);
    return sent;
  };
  const sends = (broker: string): number =>
    cluster.requests.filter((one) => one.broker === broker && isSendCode(one.code)).length;
  const isSendCode = (code: number): boolean => code === RequestCode.SEND_MESSAGE_V2;
  const started = async (options: Partial<ClientOptions> = {}): Promise<MessagingClient> => {
    const client = await cluster.client(options);
    for (let n = 0; n < 6; n++) await send(client, `${n}`);
    return client;
  };

  it('goes past one that cannot be reached, as long as others are there', async () => {
    const client = await started();
    cluster.down('a');
    cluster.ghosts.add('a');
    for (let n = 0; n < 12; n++) expect((await send(client, `x${n}`)).brokerName).not.toBe('a');
    // One send found out, the others did not have to.
    expect(client.counters.sendRetried).toBe(1);
    cluster.ghosts.delete('a');
    cluster.up('a');
    await cluster.clock.advance(2_000);
    for (let n = 0; n < 6; n++) await send(client, `y${n}`);
    expect(cluster.stored.slice(-6).filter(({ broker }) => broker === 'a')).toHaveLength(2);
  });

  it('leaves time for another one when a host just does not answer', async () => {
    const client = await cluster.client();
    cluster.down('a');
    cluster.ghosts.add('a');
    cluster.unreachable.add('a:10911');
    const before = cluster.clock.monotonic();
    for (let n = 0; n < 3; n++) expect((await send(client, `x${n}`)).brokerName).not.toBe('a');
    expect(cluster.clock.monotonic() - before).toBeLessThan(1_100);
  });

  it('looks for the route at once when a broker goes, and every 2 s until it is back', async () => {
    const client = await started();
    cluster.down('a');
    for (let n = 0; n < 6; n++) await send(client, `x${n}`);
    expect(client.counters.sendRetried).toBe(1);
    cluster.up('a');
    await cluster.clock.advance(2_001);
    for (let n = 0; n < 6; n++) await send(client, `y${n}`);
    expect(cluster.stored.slice(-6).map(({ broker }) => broker)).toContain('a');
  });

  it('makes a new topic on all of them, with the queues of the template, once', async () => {
    const client = await cluster.client();
    const results = await Promise.all(
      Array.from({ length: 9 }, (_, n) => client.producer.send(text('fresh', `${n}`, { shardingKey: `k${n}` }))),
    );
    const made = cluster.requests.filter(({ code }) => code === RequestCode.UPDATE_AND_CREATE_TOPIC);
    expect(made.map(({ broker }) => broker).toSorted()).toEqual(['a', 'b', 'c']);
    expect(made[0]!.header).toMatchObject({ topic: 'fresh', writeQueueNums: 4, perm: 6 });
    for (const [n, { brokerName, queueId }] of results.entries()) {
      const index = Math.abs(javaHashCode(`k${n}`) % 12);
      expect(`${brokerName}${queueId}`).toBe(`${'abc'[Math.floor(index / 4)]}${index % 4}`);
    }
  });

  it('leaves making the topic to the send where that is refused', async () => {
    const client = await cluster.client();
    cluster.script = (request) =>
      request.code === RequestCode.UPDATE_AND_CREATE_TOPIC ? refuse(ResponseCode.NO_PERMISSION) : undefined;
    await send(client, 'x', { topic: 'fresh' });
    expect(cluster.stored.at(-1)).toMatchObject({ body: 'x', header: { defaultTopic: 'TBW102' } });
    expect(cluster.warnings.filter((warning) => warning.includes('fresh was not made'))).toHaveLength(3);
  });

  it('keeps keys with a broker that was away before it began, by the word of the NameServer', async () => {
    const key = Array.from({ length: 50 }, (_, n) => `k${n}`).find((k) => Math.abs(javaHashCode(k) % 6) >= 4)!;
    cluster.down('c');
    cluster.keyQueues = 'a:2;b:2;c:2';
    const client = await cluster.client();
    await expect(send(client, 'x', { key })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE', retryable: true });
    cluster.up('c');
    cluster.keyQueues = undefined;
    await cluster.clock.advance(2_001);
    expect((await send(client, 'x', { key })).brokerName).toBe('c');
  });

  it('takes keys elsewhere when the NameServer says that their broker will not come back', async () => {
    const client = await cluster.client();
    const key = Array.from({ length: 50 }, (_, n) => `k${n}`).find((k) => Math.abs(javaHashCode(k) % 6) >= 4)!;
    expect((await send(client, 'x', { key })).brokerName).toBe('c');
    cluster.down('c');
    await expect(send(client, 'y', { key })).rejects.toMatchObject({ retryable: true });
    cluster.keyQueues = 'a:2;b:2';
    await cluster.clock.advance(2_001);
    expect((await send(client, 'z', { key })).brokerName).toMatch(/^[ab]$/);
  });

  describe('and latency fault tolerance', () => {
    const slow = 700;
    const delays = (name: string): void => {
      const { clock } = cluster;
      const original = cluster.connect.bind(cluster);
      cluster.connect = async (address) => {
        const channel = await original(address);
        if (address !== `${name}:10911`) return channel;
        const { call } = channel;
        channel.call = (request, timeout, asker) =>
          void clock.after(isSend(request) ? slow : 0, () => call.call(channel, request, timeout, asker));
        return channel;
      };
    };

    it('goes past one that is slow for a while, and comes back to it', async () => {
      delays('b');
      const client = await cluster.client({ latencyFaultTolerance: true });
      for (let n = 0; n < 12; n++) await send(client, `${n}`);
      expect(sends('b')).toBe(1);
      await cluster.clock.advance(2_000);
      for (let n = 0; n < 6; n++) await send(client, `${n}`);
      expect(sends('b')).toBe(2);
    });

    it('does so only when it is switched on, and never for keys', async () => {
      delays('b');
      const client = await cluster.client();
      for (let n = 0; n < 6; n++) await send(client, `${n}`);
      expect(sends('b')).toBe(2);
      const tolerant = await cluster.client({ latencyFaultTolerance: true });
      const key = Array.from({ length: 50 }, (_, n) => `k${n}`).find((k) => {
        const index = Math.abs(javaHashCode(k) % 6);
        return index === 2 || index === 3;
      })!;
      for (let n = 0; n < 3; n++) expect((await send(tolerant, `${n}`, { key })).brokerName).toBe('b');
    });

    it('goes past one that fails for ten seconds', async () => {
      const client = await started({ latencyFaultTolerance: true });
      cluster.script = (request, broker) =>
        isSend(request) && broker === 'c' ? refuse(ResponseCode.SYSTEM_BUSY) : undefined;
      const before = sends('c');
      for (let n = 0; n < 12; n++) await send(client, `${n}`);
      expect(sends('c')).toBe(before + 1);
      cluster.script = () => undefined;
      await cluster.clock.advance(10_000);
      for (let n = 0; n < 6; n++) await send(client, `${n}`);
      expect(sends('c')).toBe(before + 3);
    });
  });
});

describe('a client with several NameServers', () => {
  it('asks each of them in turn, however many ask at the same time', async () => {
    const cluster = new FakeCluster('a');
    for (let n = 0; n < 8; n++) cluster.topics.set(`t${n}`, 2);
    for (const up of ['ns1:9876', 'ns2:9876', 'ns3:9876']) {
      cluster.nameServerDown = new Set(['ns1:9876', 'ns2:9876', 'ns3:9876'].filter((address) => address !== up));
      const { producer } = await cluster.client({ nameServers: ['ns1:9876', 'ns2:9876', 'ns3:9876'] });
      const sent = Array.from({ length: 8 }, (_, n) => producer.send(text(`t${n}`, 'x')));
      expect((await Promise.all(sent)).map(({ brokerName }) => brokerName)).toEqual(Array(8).fill('a'));
    }
  });
});
