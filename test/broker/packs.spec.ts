import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  decodeSendPack,
  encodeProperties,
  encodeSendPack,
  ExtensionCode,
  getProperty,
  type PackAnswerHeader,
  ResponseCode,
  type SendPackHeader,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

interface Message {
  readonly topic: string;
  readonly body: string | Buffer;
  readonly queueId?: number;
  readonly properties?: string;
  readonly sysFlag?: number;
}

function packOf(messages: readonly Message[]): SendPackHeader {
  const topics = [...new Set(messages.map(({ topic }) => topic))];
  return {
    producerGroup: 'producers',
    defaultTopic: 'TBW102',
    defaultTopicQueueNums: 4,
    topics,
    topicOf: messages.map(({ topic }) => topics.indexOf(topic)),
    queueIds: messages.map(({ queueId }) => queueId ?? 0),
    sysFlags: messages.map(({ sysFlag }) => sysFlag ?? 0),
    bornTimestamps: messages.map((_, i) => 1_767_225_600_000 + i),
    properties: messages.map(({ properties }) => properties ?? ''),
    bodies: messages.map(({ body }) => Buffer.from(body as string)),
  };
}

describe('a pack of sends', () => {
  let broker: TestBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const send = async (...messages: Message[]): Promise<PackAnswerHeader> => {
    const response = await client.invoke(ExtensionCode.SEND_PACK, packOf(messages));
    expect(response.code).toBe(ResponseCode.SUCCESS);
    return response.header as PackAnswerHeader;
  };
  const read = async (topic: string, queueId = 0) =>
    (await client.pull('reader', topic, queueId, 0, { sysFlag: 4, subscription: '*' })).records;

  it('stores each message where it belongs, and says where that is', async () => {
    await send({ topic: 'orders', body: 'first' }, { topic: 'bills', body: 'first' });
    const answer = await send(
      { topic: 'orders', body: 'a' },
      { topic: 'bills', body: 'b', queueId: 2, properties: encodeProperties([['TAGS', 'paid'], ['UNIQ_KEY', 'AB']]) }, // prettier-ignore
      { topic: 'orders', body: 'c' },
    );
    expect(answer).toMatchObject({ storeHost: '127.0.0.1:9876', codes: [0, 0, 0], remarks: undefined });
    expect(answer.queueIds).toEqual([0, 2, 0]);
    expect(answer.queueOffsets).toEqual([1, 0, 2]);
    const orders = await read('orders');
    expect(orders.map(({ body }) => body.toString())).toEqual(['first', 'a', 'c']);
    expect(orders.map(({ physicalOffset }) => physicalOffset).slice(1)).toEqual([
      answer.physicalOffsets[0],
      answer.physicalOffsets[2],
    ]);
    const [bill] = await read('bills', 2);
    expect(bill!.properties).toBe('TAGS\x01paid\x02UNIQ_KEY\x01AB\x02MSG_REGION\x01DefaultRegion\x02');
    expect([bill!.bornTimestamp, bill!.bornHost, bill!.flag]).toEqual([1_767_225_600_001, '127.0.0.1:0', 0]);
    expect(broker.broker.figures().messagesIn).toBe(5);
  });

  it('refuses a message for what is wrong with it, and stores the others', async () => {
    await send({ topic: 'orders', body: 'first' });
    const { codes, remarks } = await send(
      { topic: 'orders', body: 'a' },
      { topic: 'orders', body: 'b', queueId: 9 },
      { topic: 'orders', body: Buffer.alloc(4 * 1024 * 1024 + 1) },
      { topic: 'orders', body: 'c', properties: `x\x01${'y'.repeat(40_000)}\x02` },
      { topic: 'orders', body: 'd', properties: encodeProperties([['TRAN_MSG', 'true']]) },
      { topic: 'orders', body: 'e', properties: encodeProperties([['NESTMQ_DEDUP_ID', '1']]) },
      { topic: 'orders', body: 'f', properties: encodeProperties([['DELAY', 'soon']]) },
      { topic: 'SCHEDULE_TOPIC_XXXX', body: 'g' },
      { topic: '%RETRY%nobody', body: 'h' },
      { topic: 'orders', body: 'i' },
    );
    const { SUCCESS, INVALID_PARAMETER, MESSAGE_ILLEGAL, NO_PERMISSION } = ResponseCode;
    expect(codes).toEqual([
      SUCCESS,
      INVALID_PARAMETER,
      MESSAGE_ILLEGAL,
      MESSAGE_ILLEGAL,
      MESSAGE_ILLEGAL,
      MESSAGE_ILLEGAL,
      MESSAGE_ILLEGAL,
      NO_PERMISSION,
      ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
      SUCCESS,
    ]);
    expect(remarks!.map((remark) => remark?.split(':')[0])).toEqual([
      undefined,
      'BAD_ARGUMENT',
      'MESSAGE_TOO_LARGE',
      'PROPERTIES_INVALID',
      'PROPERTIES_INVALID',
      'PROPERTIES_INVALID',
      'PROPERTIES_INVALID',
      'NO_PERMISSION',
      'GROUP_NOT_FOUND',
      undefined,
    ]);
    expect((await read('orders')).map(({ body }) => body.toString())).toEqual(['first', 'a', 'i']);
    expect(broker.broker.figures().messagesIn).toBe(3);
  });

  describe('from the wire', () => {
    /** As a channel does with memory that is said to be spent: the next frame overwrites it at once. */
    const received = async (...messages: Message[]): Promise<boolean> => {
      const body = encodeSendPack(packOf(messages));
      const request = createRequest(ExtensionCode.SEND_PACK, decodeSendPack(body), body);
      const answer = client.channel.invoke(request, 60_000);
      const spent = request.bodySpent === true;
      if (spent) body.fill('*');
      expect((await answer).header).toMatchObject({ codes: messages.map(() => ResponseCode.SUCCESS) });
      return spent;
    };

    it('needs its memory no longer once all of it is on its way to the disk', async () => {
      await send({ topic: 'orders', body: 'first' });
      const later = encodeProperties([['TIMER_DELAY_MS', '5000']]);
      expect(await received({ topic: 'orders', body: 'a' }, { topic: 'orders', body: 'b', queueId: 1, properties: later })).toBe(true); // prettier-ignore
      expect((await read('orders')).map(({ body }) => body.toString())).toEqual(['first', 'a']);
      await broker.clock.advance(5_000);
      expect((await read('orders', 1)).map(({ body }) => body.toString())).toEqual(['b']);
    });

    it('keeps its memory while a message of it waits for its topic', async () => {
      await send({ topic: 'orders', body: 'first' });
      const spent = await received({ topic: 'orders', body: 'a' }, { topic: 'new', body: 'b' });
      expect((await read('new')).map(({ body }) => body.toString())).toEqual(['b']);
      expect(spent).toBe(false);
    });
  });

  it('makes the topics that it is the first to name', async () => {
    const { codes, queueOffsets } = await send(
      { topic: 'new', body: 'a' },
      { topic: 'newer', body: 'b' },
      { topic: 'new', body: 'c' },
    );
    expect([codes, queueOffsets]).toEqual([
      [0, 0, 0],
      [0, 0, 1],
    ]);
    expect(broker.store.topics.get('newer')).toBeDefined();
    expect((await read('new')).map(({ body }) => body.toString())).toEqual(['a', 'c']);
    expect(broker.broker.figures().messagesIn).toBe(3);
  });

  it('parks what is delayed, gives an id to what has none, drops what only a broker may say', async () => {
    await send({ topic: 'orders', body: 'first' });
    const { codes, queueIds } = await send(
      { topic: 'orders', body: 'later', queueId: 1, properties: encodeProperties([['TIMER_DELAY_MS', '5000']]) },
      { topic: 'orders', body: 'now', queueId: 2, properties: encodeProperties([['REAL_TOPIC', 'forged']]) },
    );
    expect([codes, queueIds]).toEqual([
      [0, 0],
      [1, 2],
    ]);
    const [now] = await read('orders', 2);
    expect(getProperty(now!.properties, 'REAL_TOPIC')).toBeUndefined();
    expect(getProperty(now!.properties, 'UNIQ_KEY')).toMatch(/^[0-9A-F]{32}$/);
    expect(broker.broker.figures().delayedMessages).toBe(1);
    await broker.clock.advance(5_000);
    expect((await read('orders', 1)).map(({ body }) => body.toString())).toEqual(['later']);
  });

  it('of nothing is answered with nothing', async () => {
    expect((await send()).codes).toEqual([]);
  });

  it('to a broker that stops is refused as a whole', async () => {
    await broker.broker.stop();
    const { code, remark } = await client.invoke(ExtensionCode.SEND_PACK, packOf([{ topic: 'orders', body: 'a' }]));
    expect([code, remark]).toEqual([ResponseCode.SERVICE_NOT_AVAILABLE, expect.stringContaining('SHUTTING_DOWN')]);
  });

  it('counts for its topics in the statistics', async () => {
    await send({ topic: 'orders', body: 'first' }, { topic: 'bills', body: 'first' });
    await send({ topic: 'orders', body: 'a' }, { topic: 'orders', body: 'b' }, { topic: 'bills', body: 'c' });
    await broker.clock.advance(20_000);
    const { traffic } = broker.broker as unknown as { traffic: { topicRate(topic: string): number } };
    expect(traffic.topicRate('orders')).toBeGreaterThan(traffic.topicRate('bills'));
  });
});
