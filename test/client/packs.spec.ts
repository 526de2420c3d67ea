import { beforeEach, describe, expect, it } from '@jest/globals';
import type { MessagingClient, OutgoingMessage, SendOptions, SendResult } from '../../lib/client/index.js';
import { encodeOffsetMessageId, ExtensionCode, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import type { SendPackHeader } from '../../lib/protocol/index.js';
import { FakeCluster, isSend, refuse } from './fake-cluster.js';
import { text } from './support.js';

const { SEND_PACK } = ExtensionCode;
const { SEND_MESSAGE_V2, SEND_BATCH_MESSAGE, HEART_BEAT } = RequestCode;

describe('sends to a broker that takes packs', () => {
  let cluster: FakeCluster;
  let client: MessagingClient;

  beforeEach(async () => {
    cluster = new FakeCluster('a');
    cluster.extensions = 2;
    cluster.answersLater = true;
    cluster.topics.set('t', 1);
    cluster.topics.set('u', 1);
    client = await cluster.client({ compressOverBytes: 1_000_000 });
    // The first two ask what the broker can do.
    await together(['warm', 'up']);
    await send('warm', { topic: 'u' });
    await cluster.clock.settle();
    await together(['warm', 'up']);
    cluster.requests.length = 0;
    cluster.stored.length = 0;
  });

  const send = (body: string, more: Partial<OutgoingMessage> = {}, options?: SendOptions): Promise<SendResult> =>
    client.producer.send(text('t', body, more), options);
  const together = (bodies: readonly string[]): Promise<SendResult[]> =>
    outcome(Promise.all(bodies.map((b) => send(b))));
  const bodies = (): string[] => cluster.stored.map(({ body }) => body);
  const packs = (): number[] =>
    cluster.requests.map(({ code, header }) => (code === SEND_PACK ? (header as SendPackHeader).bodies.length : 1));

  async function outcome<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const ended = (): void => void (done = true);
    promise.then(ended, ended);
    await cluster.clock.advanceUntil(() => done, 60_000);
    return promise;
  }

  it('travel together behind the first one, in the order of the calls, each with its own result', async () => {
    const results = await together(['0', '1', '2', '3']);
    expect(cluster.codes()).toEqual([SEND_MESSAGE_V2, SEND_PACK]);
    expect(packs()).toEqual([1, 3]);
    expect(bodies()).toEqual(['0', '1', '2', '3']);
    expect(results.map(({ messageId }) => messageId)).toEqual(cluster.stored.map(({ id }) => id));
    const first = results[0]!.queueOffset;
    expect(results.map(({ queueOffset }) => queueOffset - first)).toEqual([0, 1, 2, 3]);
    expect(results[2]).toEqual({
      status: 'SEND_OK',
      messageId: cluster.stored[2]!.id,
      offsetMessageId: encodeOffsetMessageId('127.0.0.1:9', 1000),
      topic: 't',
      brokerName: 'a',
      queueId: 0,
      queueOffset: first + 2,
      messageIds: undefined,
      duplicate: undefined,
    });
    expect(Object.keys(results[2]!)).toEqual(Object.keys(results[0]!));
    expect(client.counters).toMatchObject({ sent: 9, sendFailed: 0, sendRetried: 0 });
  });

  it('one after the other go alone', async () => {
    for (const body of ['0', '1', '2']) await send(body);
    expect(cluster.codes()).toEqual([SEND_MESSAGE_V2, SEND_MESSAGE_V2, SEND_MESSAGE_V2]);
  });

  it('that follow from the answers to one pack make one pack again', async () => {
    const ROUNDS = 3;
    // As deep in promises as callers are: some await at once, some through functions of their own.
    const wrapped = async (body: string): Promise<SendResult> => await (async () => await send(body))();
    const sender = async (n: number): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) await (n % 2 === 0 ? send(`${round}`) : wrapped(`${round}`));
    };
    await outcome(Promise.all(Array.from({ length: 128 }, (_, n) => sender(n))));
    expect(cluster.stored).toHaveLength(128 * ROUNDS);
    // The first one of all goes alone and its sender comes back in a turn of its own.
    expect(packs().filter((messages) => messages === 1).length).toBeLessThanOrEqual(ROUNDS);
    expect(packs().filter((messages) => messages > 1)).toEqual([127, 127, 127]);
  });

  it('of any topics share a pack', async () => {
    const sent = ['t', 'u', 't', 'u'].map((topic) => client.producer.send(text(topic, topic)));
    await outcome(Promise.all(sent));
    expect(packs()).toEqual([1, 3]);
    expect((cluster.requests[1]!.header as SendPackHeader).topics).toEqual(['u', 't']);
    expect(cluster.stored.map(({ header }) => header.topic)).toEqual(bodies());
  });

  it('do not wait for a pack to fill beyond its bounds', async () => {
    await together(Array.from({ length: 600 }, (_, n) => `${n}`));
    expect(packs()).toEqual([1, 256, 256, 87]);
    cluster.requests.length = 0;
    await together(Array.from({ length: 20 }, () => 'x'.repeat(200_000)));
    expect(Math.max(...packs())).toBeLessThanOrEqual(6);
    cluster.requests.length = 0;
    await together(['small', 'small', 'x'.repeat(300_000), 'small', 'small']);
    expect(packs()).toEqual([1, 1, 1, 2]);
  });

  it('do not overtake, and are not overtaken by, what goes another way', async () => {
    const { producer } = client;
    const sent = [send('0'), send('1'), send('2'), producer.sendBatch([text('t', '3'), text('t', '4')]), send('5')];
    producer.sendOneWay(text('t', '6'));
    sent.push(send('7'), send('8', { dedupId: 'x' }), send('9'));
    await outcome(Promise.all(sent));
    expect(bodies()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  it('with a key travel in packs too, one request of a queue at a time', async () => {
    const keyed = Array.from({ length: 4 }, (_, n) => send(`k${n}`, { shardingKey: 'k' }));
    await outcome(Promise.all([send('0'), ...keyed, send('1')]));
    expect(bodies().filter((body) => body.startsWith('k'))).toEqual(['k0', 'k1', 'k2', 'k3']);
    expect(cluster.codes()).toContain(SEND_BATCH_MESSAGE);
  });

  it('that the broker refuses do not harm the others', async () => {
    cluster.refusesInPack = ({ body }) =>
      body!.toString() === 'bad' ? refuse(ResponseCode.MESSAGE_ILLEGAL) : undefined;
    const results = await outcome(Promise.allSettled(['0', '1', 'bad', '2'].map((body) => send(body))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect((results[2] as PromiseRejectedResult).reason).toMatchObject({
      code: 'BAD_ARGUMENT',
      responseCode: ResponseCode.MESSAGE_ILLEGAL,
      message: expect.stringContaining('Sending to t on a'),
    });
    expect(bodies()).toEqual(['0', '1', '2']);
    expect(client.counters).toMatchObject({ sendFailed: 1, sendRetried: 0 });
  });

  it('that the broker is too busy for are tried again, each by itself', async () => {
    cluster.refusesInPack = ({ body }) => (body!.toString() === 'busy' ? refuse(ResponseCode.SYSTEM_BUSY) : undefined);
    await together(['0', 'busy', '1', 'busy']);
    expect(bodies().toSorted()).toEqual(['0', '1', 'busy', 'busy']);
    expect(client.counters.sendRetried).toBe(2);
    const failed = await outcome(Promise.allSettled([send('0'), send('busy', {}, { retries: 0 }), send('1')]));
    expect(failed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('go one by one, for a second, when the broker refuses the whole pack', async () => {
    cluster.script = ({ code }) => (code === SEND_PACK ? refuse(ResponseCode.NO_PERMISSION, 'not u') : undefined);
    // It is no attempt of any of them.
    const sent = ['0', '1', '2'].map((body) => send(body, {}, { retries: 0 }));
    await outcome(Promise.all(sent));
    expect(bodies()).toEqual(['0', '1', '2']);
    expect(client.counters.sendRetried).toBe(0);
    cluster.requests.length = 0;
    await together(['3', '4', '5']);
    expect(cluster.codes()).not.toContain(SEND_PACK);
    await cluster.clock.advance(1000);
    cluster.script = () => undefined;
    await together(['6', '7', '8']);
    expect(cluster.codes()).toContain(SEND_PACK);
  });

  it('each end at their own time', async () => {
    cluster.script = (request) => (isSend(request) || request.code === SEND_PACK ? 'silence' : undefined);
    const { clock } = cluster;
    const started = clock.monotonic();
    const ends = new Map<string, number>();
    const sent = [3000, 50, 3000, 400, 50].map(async (timeoutMillis, n) => {
      const failure: unknown = await send(`${n}`, {}, { timeoutMillis, retries: 0 }).catch((error: unknown) => error);
      ends.set(`${n} ${(failure as { code: string }).code}`, clock.monotonic() - started);
    });
    await outcome(Promise.all(sent));
    const wanted = { '0 TIMEOUT': 3000, '1 TIMEOUT': 50, '2 TIMEOUT': 3000, '3 TIMEOUT': 400, '4 TIMEOUT': 50 };
    for (const [which, millis] of Object.entries(wanted)) {
      expect([which, ends.get(which)! >= millis, ends.get(which)! <= millis + 11]).toEqual([which, true, true]);
    }
    expect(client.counters.sendFailed).toBe(5);
  });

  it('under way when the broker goes are sent again to it, with the ids that they had', async () => {
    let left = 1;
    cluster.script = ({ code }) => (code === SEND_PACK && left-- > 0 ? 'close' : undefined);
    const results = await together(['0', '1', '2', '3']);
    expect(new Set(bodies())).toEqual(new Set(['0', '1', '2', '3']));
    // The first one was stored, and its answer went with the connection.
    expect(new Set(results.map(({ messageId }) => messageId))).toEqual(new Set(cluster.stored.map(({ id }) => id)));
    expect(client.counters).toMatchObject({ sendFailed: 0, sendRetried: 4 });
  });

  it('are asked for anew on another connection: what was there may have become an older broker', async () => {
    cluster.down('a');
    cluster.up('a');
    cluster.extensions = 1;
    await together(['0', '1', '2']);
    await cluster.clock.settle();
    await together(['3', '4', '5']);
    expect(cluster.codes()).not.toContain(SEND_PACK);
    expect(bodies()).toHaveLength(6);
  });

  it('that have been gathered are waited for when the client shuts down', async () => {
    const sent = Promise.all(['0', '1', '2'].map((body) => send(body)));
    const closed = client.shutdown(1000);
    expect(await outcome(sent)).toHaveLength(3);
    await outcome(closed);
    expect(bodies()).toEqual(['0', '1', '2']);
  });
});

describe('sends to a broker that knows no packs', () => {
  it.each([
    ['Apache', undefined],
    ['an older one of ours', 1],
  ])('go one by one: %s', async (_what, extensions) => {
    const cluster = new FakeCluster('a');
    cluster.extensions = extensions;
    cluster.answersLater = true;
    cluster.topics.set('t', 1);
    const { producer } = await cluster.client();
    for (let round = 0; round < 3; round++) {
      await Promise.all(['0', '1', '2'].map((body) => producer.send(text('t', body))));
      await cluster.clock.settle();
    }
    expect(cluster.codes().filter((code) => code === SEND_MESSAGE_V2)).toHaveLength(9);
    // It is asked once.
    expect(cluster.codes().filter((code) => code !== SEND_MESSAGE_V2)).toEqual([HEART_BEAT]);
  });
});
