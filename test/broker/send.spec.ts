import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  decodeOffsetMessageId,
  encodeBatchBody,
  encodeProperties,
  ExtensionProperty,
  getProperty,
  RequestCode,
  ResponseCode,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
} from '../../lib/protocol/index.js';
import { sendHeader, TestBroker, type TestClient } from './harness.js';

describe('sending', () => {
  let broker: TestBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const first = async (topic: string, queueId = 0) => {
    const { records } = await client.pull('reader', topic, queueId, 0, { sysFlag: 4, subscription: '*' });
    return records[0]!;
  };

  it('answers with the place of the message and what Java clients look for', async () => {
    const response = await client.send('orders', 'one', { tag: 'created' });
    expect(response.code).toBe(ResponseCode.SUCCESS);
    const header = response.header as SendMessageResponseHeader;
    expect(header).toMatchObject({ queueId: 0, queueOffset: 0, regionId: 'DefaultRegion', traceOn: true });
    expect(decodeOffsetMessageId(header.msgId)).toEqual({ host: '127.0.0.1:9876', physicalOffset: 0 });
    expect((await client.sent('orders', 'two')).queueOffset).toBe(1);
  });

  it('stores what was sent, under the id that the sender gave it', async () => {
    const properties = encodeProperties([
      ['KEYS', 'k1 k2'],
      ['UNIQ_KEY', 'AB12'],
      ['colour', 'blau'],
    ]);
    await client.sent('orders', 'grün', { properties, flag: 7 });
    const record = await first('orders');
    expect(record.body.toString()).toBe('grün');
    expect(record.flag).toBe(7);
    // The region is the broker's to say; Java consumers trace only what has one.
    expect(record.properties).toBe(`${properties}MSG_REGION\u0001DefaultRegion\u0002`);
    expect(record.bornHost).toBe('127.0.0.1:0');
    expect(record.storeHost).toBe('127.0.0.1:9876');
  });

  it('gives a message without an id one of its own', async () => {
    await client.sent('orders', 'x');
    expect(getProperty((await first('orders')).properties, 'UNIQ_KEY')).toMatch(/^[0-9A-F]{32}$/);
  });

  it('creates an unknown topic with at most its default number of queues', async () => {
    await client.sent('many', 'x', { defaultTopicQueueNums: 16 });
    await client.sent('few', 'x', { defaultTopicQueueNums: 2 });
    expect(broker.store.topics.get('many')).toMatchObject({ readQueueNums: 4, writeQueueNums: 4, perm: 6 });
    expect(broker.store.topics.get('few')).toMatchObject({ writeQueueNums: 2 });
  });

  it('keeps the order of sends that wait for their topic', async () => {
    const sent = await Promise.all(['a', 'b', 'c', 'd'].map((body) => client.sent('fresh', body)));
    expect(sent.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2, 3]);
  });

  it.each([
    ['an unknown template', 'orders', { defaultTopic: 'OTHER' }, ResponseCode.TOPIC_NOT_EXIST],
    ['a path for a name', '../../etc', {}, ResponseCode.INVALID_PARAMETER],
    ['a name of 128 characters', 'n'.repeat(128), {}, ResponseCode.INVALID_PARAMETER],
    ['an empty name', '', {}, ResponseCode.INVALID_PARAMETER],
    ['a queue beyond the last', 'orders', { queueId: 4 }, ResponseCode.INVALID_PARAMETER],
    ['the topic of delays', 'SCHEDULE_TOPIC_XXXX', {}, ResponseCode.NO_PERMISSION],
    ['the topic of timers', 'rmq_sys_wheel_timer', {}, ResponseCode.NO_PERMISSION],
    ['the topic of half messages', 'RMQ_SYS_TRANS_HALF_TOPIC', {}, ResponseCode.NO_PERMISSION],
    ['the retry topic of an unknown group', '%RETRY%nobody', {}, ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST],
    [
      'a delay that is no number',
      'orders',
      { properties: encodeProperties([['DELAY', 'soon']]) },
      ResponseCode.MESSAGE_ILLEGAL,
    ],
    [
      'a time beyond the calendar',
      'orders',
      { properties: encodeProperties([['TIMER_DELIVER_MS', '9007199254740991']]) },
      ResponseCode.MESSAGE_ILLEGAL,
    ],
    [
      'properties of 32 KiB',
      'orders',
      { properties: encodeProperties([['p', 'x'.repeat(32_000)]]) },
      ResponseCode.MESSAGE_ILLEGAL,
    ],
  ])('refuses %s', async (_what, topic, overrides, code) => {
    const response = await client.send(topic, 'x', overrides);
    expect(response.code).toBe(code);
    expect(response.remark).toMatch(/^[A-Z_]+: ./);
  });

  it('refuses a body over 4 MiB and takes one of exactly that size', async () => {
    expect((await client.send('big', Buffer.alloc(4 * 1024 * 1024 + 1))).code).toBe(ResponseCode.MESSAGE_ILLEGAL);
    expect((await client.send('big', Buffer.alloc(4 * 1024 * 1024))).code).toBe(ResponseCode.SUCCESS);
  });

  it('refuses unknown topics when sends do not create topics, and writes to read-only ones', async () => {
    const strict = await TestBroker.start({ autoCreateTopics: false });
    expect((await strict.client().send('orders', 'x')).code).toBe(ResponseCode.TOPIC_NOT_EXIST);
    await strict.broker.topics.createOrUpdate('archive', { readQueueNums: 1, writeQueueNums: 1, perm: 4 });
    expect((await strict.client().send('archive', 'x')).code).toBe(ResponseCode.NO_PERMISSION);
    await strict.stop();
  });

  it('creates no more topics by itself than it is allowed to', async () => {
    const small = await TestBroker.start({ maxTopics: broker.store.topics.size + 1 });
    const other = small.client();
    await other.sent('t0', 'x');
    expect((await other.send('t1', 'x')).code).toBe(ResponseCode.NO_PERMISSION);
    await other.sent('t0', 'still');
    await small.stop();
  });

  it('drops what only a broker may say and keeps the rest as it is', async () => {
    const forged = encodeProperties([
      ['TAGS', 'paid'],
      ['NESTMQ_TIMER_SOURCE', '0'],
      ['REAL_TOPIC', 'victim'],
      ['REAL_QID', '0'],
      ['NESTMQ_COPIED_FROM', '0'],
      ['NESTMQ_DLQ_ATTEMPTS', '99'],
      ['RETRY_TOPIC', 'victim'],
      ['__CRC32#', '0000000000'],
      ['POP_CK', 'x'],
      ['TIMER_OUT_MS', '1'],
      ['NESTMQ_CONTENT_TYPE', 'json'],
      ['mine', '1'],
      ['UNIQ_KEY', 'U'],
    ]);
    await client.sent('orders', 'x', { properties: forged });
    expect((await first('orders')).properties).toBe(
      encodeProperties([
        ['TAGS', 'paid'],
        ['NESTMQ_CONTENT_TYPE', 'json'],
        ['mine', '1'],
        ['UNIQ_KEY', 'U'],
        ['MSG_REGION', 'DefaultRegion'],
      ]),
    );
  });

  it('says no region twice, and none at all where nobody can connect', async () => {
    const properties = encodeProperties([
      ['UNIQ_KEY', 'U'],
      ['MSG_REGION', 'elsewhere'],
    ]);
    await client.sent('orders', 'x', { properties });
    expect((await first('orders')).properties).toBe(properties);
    const alone = await TestBroker.start({ address: '127.0.0.1:0' });
    await alone.client().sent('orders', 'x', { properties: encodeProperties([['UNIQ_KEY', 'U']]) });
    const { records } = await alone.client().pull('g', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    expect(records[0]!.properties).toBe(encodeProperties([['UNIQ_KEY', 'U']]));
    await alone.stop();
  });

  it('closes the properties of 4.9 clients before it adds its own', async () => {
    await client.sent('orders', 'x', { properties: 'TAGS\u0001paid' });
    const { properties } = await first('orders');
    expect(getProperty(properties, 'TAGS')).toBe('paid');
    expect(getProperty(properties, 'UNIQ_KEY')).toBeDefined();
  });

  it('picks a queue when the sender leaves it open', async () => {
    const queues = new Set<number>();
    for (let i = 0; i < 40; i++) queues.add((await client.sent('open', 'x', { queueId: -1 })).queueId);
    expect([...queues].toSorted()).toEqual([0, 1, 2, 3]);
  });

  describe('from the wire', () => {
    /** As a channel does with memory that is said to be spent: the next frame overwrites it at once. */
    const received = async (body: Buffer, overrides: Partial<SendMessageRequestHeader> = {}): Promise<boolean> => {
      const request = createRequest(RequestCode.SEND_MESSAGE_V2, sendHeader('orders', overrides), body);
      const answer = client.channel.invoke(request, 60_000);
      const spent = request.bodySpent === true;
      if (spent) body.fill('*');
      expect((await answer).code).toBe(ResponseCode.SUCCESS);
      return spent;
    };
    const stored = async (topic = 'orders'): Promise<string[]> => {
      const { records } = await client.pull('reader', topic, 0, 0, { sysFlag: 4, subscription: '*' });
      return records.map(({ body }) => body.toString());
    };

    it('needs its memory no longer once it is on its way to the disk', async () => {
      await client.sent('orders', 'first');
      expect(await received(Buffer.from('second'))).toBe(true);
      const items = ['third', 'fourth'].map((text) => ({ flag: 0, body: Buffer.from(text), properties: '' }));
      expect(await received(encodeBatchBody(items), { batch: true })).toBe(true);
      const half = encodeProperties([['TRAN_MSG', 'true'], ['PGROUP', 'producers'], ['UNIQ_KEY', 'half']]); // prettier-ignore
      expect(await received(Buffer.from('hidden'), { sysFlag: 4, properties: half })).toBe(true);
      expect(await stored()).toEqual(['first', 'second', 'third', 'fourth']);
    });

    it('keeps it as long as it waits for its topic', async () => {
      expect(await received(Buffer.from('first'))).toBe(false);
      expect(await stored()).toEqual(['first']);
    });

    it('keeps it as long as it may wait for a duplicate', async () => {
      await broker.broker.topics.declare('orders', 2, { windowMillis: 60_000, count: 100 });
      const properties = encodeProperties([[ExtensionProperty.DEDUP_ID, 'one']]);
      const both = await Promise.all([
        received(Buffer.from('first'), { properties }),
        received(Buffer.from('again'), { properties }),
      ]);
      expect(both).toEqual([false, false]);
      expect(await stored()).toEqual(['first']);
    });
  });

  describe('batches', () => {
    const item = (body: string, properties: [string, string][] = []) => ({
      flag: 0,
      body: Buffer.from(body),
      properties: encodeProperties(properties),
    });
    const sendBatch = (topic: string, body: Buffer) =>
      client.invoke(RequestCode.SEND_BATCH_MESSAGE, sendHeader(topic, { batch: true, queueId: 1 }), body);

    it('become records of their own with consecutive offsets, acknowledged as one', async () => {
      await client.sent('orders', 'before', { queueId: 1 });
      const response = await sendBatch('orders', encodeBatchBody([item('a', [['TAGS', 'x']]), item('b'), item('c')]));
      expect(response.code).toBe(0);
      const header = response.header as SendMessageResponseHeader;
      expect(header.queueOffset).toBe(1);
      expect(header.msgId.split(',')).toHaveLength(3);
      const { records } = await client.pull('reader', 'orders', 1, 1, { sysFlag: 4, subscription: '*' });
      expect(records.map(({ body, queueOffset }) => [body.toString(), queueOffset])).toEqual([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]);
      expect(getProperty(records[0]!.properties, 'TAGS')).toBe('x');
    });

    it('are refused as a whole when one message is not acceptable', async () => {
      await client.sent('orders', 'first');
      const bad = [
        encodeBatchBody([item('a'), item('b', [['DELAY', '1']])]),
        encodeBatchBody([]),
        Buffer.from([0, 0, 0, 200, 1]),
        Buffer.alloc(100),
      ];
      for (const body of bad) expect((await sendBatch('orders', body)).code).toBeGreaterThan(0);
      expect(broker.store.maxOffset('orders', 1)).toBe(0);
    });
  });

  it('tells typed errors of the store apart by the remark', async () => {
    await client.sent('orders', 'x');
    await broker.store.close();
    const response = await client.send('orders', 'y');
    expect(response.code).toBe(ResponseCode.SERVICE_NOT_AVAILABLE);
    expect(response.remark).toMatch(/^STORE_CLOSED: /);
  });
});
