import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ConsumerSendMsgBackRequestHeader,
  decodeOffsetMessageId,
  DELAY_LEVELS,
  decodeProperties,
  encodeLockBatchRequestBody,
  encodeProperties,
  type MessageRecord,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

describe('delays, retries and dead letters', () => {
  let broker: TestBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
    await client.sent('orders', 'zero', {
      properties: encodeProperties([
        ['TAGS', 'paid'],
        ['UNIQ_KEY', 'U1'],
        ['mine', 'ü'],
      ]),
      queueId: 2,
    });
    await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
  });
  afterEach(() => broker.stop());

  const read = async (topic: string, queueId = 0): Promise<MessageRecord[]> =>
    (await client.pull('reader', topic, queueId, 0, { sysFlag: 4, subscription: '*' })).records;
  const sendBack = (record: { physicalOffset: number }, header: Partial<ConsumerSendMsgBackRequestHeader> = {}) =>
    client.invoke(RequestCode.CONSUMER_SEND_MSG_BACK, {
      offset: record.physicalOffset,
      group: 'billing',
      delayLevel: 0,
      ...header,
    });
  const properties = (record: MessageRecord) => Object.fromEntries(decodeProperties(record.properties));
  const delayed = (entries: [string, string][]) => ({ properties: encodeProperties(entries) });

  describe('a delayed message', () => {
    it('of a level appears when its time has come and not a millisecond earlier', async () => {
      await client.sent(
        'later',
        'x',
        delayed([
          ['DELAY', '2'],
          ['TAGS', 'a'],
        ]),
      );
      await broker.clock.advance(DELAY_LEVELS[1]! - 1);
      expect(await read('later')).toEqual([]);
      await broker.clock.advance(1);
      await broker.clock.advanceUntil(() => broker.store.maxOffset('later', 0) === 1, 1_000);
      const [record] = await read('later');
      expect(record!.body.toString()).toBe('x');
      expect(properties(record!)).toMatchObject({ TAGS: 'a' });
      expect(properties(record!)).not.toHaveProperty('DELAY');
    });

    it.each([
      ['seconds', [['TIMER_DELAY_SEC', '90']], 90_000],
      ['milliseconds', [['TIMER_DELAY_MS', '1234']], 1_234],
      ['an instant', [['TIMER_DELIVER_MS', String(1_767_225_600_000 + 5_678)]], 5_678],
      ['more than three days', [['TIMER_DELAY_SEC', String(3 * 86_400 + 5)]], 3 * 86_400_000 + 5_000],
      ['a level beyond the last', [['DELAY', '99']], 7_200_000],
      [
        'a level before a timer',
        [
          ['TIMER_DELAY_SEC', '5'],
          ['DELAY', '1'],
        ],
        1_000,
      ],
    ])('of %s is exact to the millisecond', async (_what, entries, after) => {
      await client.sent('later', 'x', delayed(entries as [string, string][]));
      await broker.clock.advance(after - 1);
      expect(broker.store.maxOffset('later', 0)).toBe(0);
      await broker.clock.advance(1);
      await broker.clock.advanceUntil(() => broker.store.maxOffset('later', 0) === 1, 100);
      expect(broker.clock.monotonic()).toBeLessThan(after + 20);
    });

    it.each([
      ['a time that has passed', [['TIMER_DELIVER_MS', '1000']]],
      ['no delay at all', [['TIMER_DELAY_MS', '0']]],
      ['level 0', [['DELAY', '0']]],
    ])('of %s is there at once, without what asked for the delay', async (_what, entries) => {
      await client.sent('now', 'x', delayed(entries as [string, string][]));
      const [record] = await read('now');
      expect(Object.keys(properties(record!))).toEqual(['UNIQ_KEY', 'MSG_REGION']);
    });

    it('is parked on RocketMQ’s topic of its level', async () => {
      const answer = await client.sent('later', 'x', { ...delayed([['DELAY', '3']]), queueId: 1 });
      expect(answer.queueId).toBe(1);
      const { physicalOffset } = decodeOffsetMessageId(answer.msgId);
      const parked = await broker.store.recordAt(physicalOffset);
      expect(parked).toMatchObject({ topic: 'SCHEDULE_TOPIC_XXXX', queueId: 2 });
      expect(properties(parked)).toMatchObject({ REAL_TOPIC: 'later', REAL_QID: '1', DELAY: '3' });
    });
  });

  describe('a message that is sent back', () => {
    it('comes again on the ladder, as itself, with one attempt more', async () => {
      const [record] = await read('orders', 2);
      expect((await sendBack(record!)).code).toBe(0);
      await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) === 1, 60_000);
      expect(broker.clock.monotonic()).toBeGreaterThanOrEqual(10_000);
      expect(broker.clock.monotonic()).toBeLessThan(10_100);
      const [again] = await read('%RETRY%billing');
      expect(again).toMatchObject({
        reconsumeTimes: 1,
        bornTimestamp: record!.bornTimestamp,
        bornHost: record!.bornHost,
      });
      expect(again!.body.toString()).toBe('zero');
      expect(properties(again!)).toMatchObject({
        TAGS: 'paid',
        UNIQ_KEY: 'U1',
        mine: 'ü',
        RETRY_TOPIC: 'orders',
        ORIGIN_MESSAGE_ID: expect.stringMatching(/^[0-9A-F]{32}$/),
        NESTMQ_ORIGIN_QUEUE_ID: '2',
        NESTMQ_ORIGIN_QUEUE_OFFSET: '0',
      });
    });

    it('waits as long as its level or the exact delay says', async () => {
      const [record] = await read('orders', 2);
      await sendBack(record!, { delayLevel: 1 });
      await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) === 1, 2_000);
      expect(broker.clock.monotonic()).toBeGreaterThanOrEqual(1_000);
      const start = broker.clock.monotonic();
      await sendBack(record!, { delayLevel: 5, retryDelayMs: 217 });
      await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) === 2, 2_000);
      expect(broker.clock.monotonic() - start).toBeGreaterThanOrEqual(217);
      expect(broker.clock.monotonic() - start).toBeLessThan(230);
      await sendBack(record!, { retryDelayMs: 0 });
      expect(broker.store.maxOffset('%RETRY%billing', 0)).toBe(3);
    });

    it('waits for ever rather than being lost when its delay is beyond the calendar', async () => {
      const [record] = await read('orders', 2);
      expect((await sendBack(record!, { retryDelayMs: Number.MAX_SAFE_INTEGER })).code).toBe(0);
      const { log } = broker.store;
      const parked = await log.recordAt((await log.physicalOffsetAt('rmq_sys_wheel_timer', 0, 0))!);
      expect(properties(parked)).toMatchObject({ TIMER_OUT_MS: '8640000000000000' });
    });

    it('takes the whole ladder and then becomes a dead letter that knows its story', async () => {
      const [record] = await read('orders', 2);
      const started = broker.clock.now();
      const reason = (attempt: number) =>
        JSON.stringify({ errorClass: 'CardError', message: `no. ${attempt}`, firstFailedAt: 12_345 });
      await sendBack(record!, { reason: reason(0) });
      for (let attempt = 1; attempt <= 16; attempt++) {
        await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) === attempt, 8_000_000);
        const retried = (await read('%RETRY%billing')).at(-1)!;
        expect(retried.reconsumeTimes).toBe(attempt);
        await sendBack(retried, { reason: reason(attempt) });
      }
      const total = DELAY_LEVELS.slice(2).reduce((sum, delay) => sum + delay, 0);
      expect(broker.clock.now() - started).toBeGreaterThanOrEqual(total);
      expect(broker.clock.now() - started).toBeLessThan(total + 1_000);
      const [dead] = await read('%DLQ%billing');
      expect(dead).toMatchObject({ reconsumeTimes: 17, queueId: 0 });
      expect(dead!.body.toString()).toBe('zero');
      expect(properties(dead!)).toMatchObject({
        UNIQ_KEY: 'U1',
        mine: 'ü',
        RETRY_TOPIC: 'orders',
        NESTMQ_DLQ_ERROR_CLASS: 'CardError',
        NESTMQ_DLQ_ERROR_MESSAGE: 'no. 16',
        NESTMQ_DLQ_ATTEMPTS: '17',
        NESTMQ_DLQ_FIRST_FAILED_AT: '12345',
        NESTMQ_DLQ_LAST_FAILED_AT: String(broker.clock.now()),
        NESTMQ_DLQ_TOPIC: 'orders',
        NESTMQ_DLQ_QUEUE_ID: '2',
        NESTMQ_DLQ_QUEUE_OFFSET: '0',
      });
      expect(broker.broker.figures().deadLetters).toBe(1);
    });

    it('becomes a dead letter at once when the client says so, or at the client’s own limit', async () => {
      const [record] = await read('orders', 2);
      await sendBack(record!, { delayLevel: -1 });
      await sendBack(record!, { maxReconsumeTimes: 0 });
      const dead = await read('%DLQ%billing');
      expect(dead).toHaveLength(2);
      expect(properties(dead[0]!)).toMatchObject({
        NESTMQ_DLQ_ATTEMPTS: '1',
        NESTMQ_DLQ_FIRST_FAILED_AT: String(broker.clock.now()),
      });
      expect(properties(dead[0]!)).not.toHaveProperty('NESTMQ_DLQ_ERROR_MESSAGE');
    });

    it('keeps what fits of a reason that is too long or breaks the rules', async () => {
      await client.sent('orders', 'y', { properties: encodeProperties([['p', 'x'.repeat(31_000)]]) });
      await client.sent('orders', 'z');
      const [large, small] = await read('orders', 0);
      const message = `a\u0001b\u0002${'ü'.repeat(100_000)}`;
      expect(
        (await sendBack(large!, { delayLevel: -1, reason: JSON.stringify({ errorClass: 'E'.repeat(9_999), message }) }))
          .code,
      ).toBe(0);
      expect((await sendBack(small!, { delayLevel: -1, reason: 'no json' })).code).toBe(0);
      expect((await sendBack(small!, { delayLevel: -1, reason: '[1,null]' })).code).toBe(0);
      const dead = await read('%DLQ%billing');
      expect(properties(dead[0]!).p).toHaveLength(31_000);
      expect(properties(dead[0]!).NESTMQ_DLQ_ERROR_MESSAGE).toMatch(/^a b ü+$/);
      expect(properties(dead[1]!).NESTMQ_DLQ_ERROR_MESSAGE).toBe('no json');
      expect(dead).toHaveLength(3);
    });

    it('must be one, and one of the group’s own', async () => {
      await client.sent('secrets', 'not yours');
      const [secret] = await read('secrets');
      const [record] = await read('orders', 2);
      expect((await sendBack(secret!)).code).toBe(ResponseCode.NO_PERMISSION);
      expect((await sendBack({ physicalOffset: record!.physicalOffset + 1 })).code).toBe(ResponseCode.SYSTEM_ERROR);
      expect((await sendBack({ physicalOffset: 2 ** 40 })).code).toBe(ResponseCode.SYSTEM_ERROR);
      expect((await sendBack({ physicalOffset: -1 })).code).toBeGreaterThan(0);
      expect((await sendBack(record!, { group: 'strangers' })).code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST);
      expect(broker.store.topics.get('%DLQ%billing')).toBeUndefined();
    });
  });

  describe('a send to the group’s own retry topic', () => {
    const retry = (reconsumeTimes: number, maxReconsumeTimes?: number) =>
      client.sent('%RETRY%billing', 'again', {
        reconsumeTimes,
        maxReconsumeTimes,
        ...delayed([
          ['RETRY_TOPIC', 'orders'],
          ['DELAY', '1'],
          ['UNIQ_KEY', 'U2'],
        ]),
      });

    it('is a retry while attempts are left', async () => {
      await retry(3);
      await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) === 1, 2_000);
      const [record] = await read('%RETRY%billing');
      expect(record!.reconsumeTimes).toBe(3);
      expect(properties(record!).RETRY_TOPIC).toBe('orders');
    });

    it('is a retry as often as the group allows when the client names no limit', async () => {
      await retry(3, -1);
      await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) === 1, 2_000);
      expect(broker.store.topics.get('%DLQ%billing')).toBeUndefined();
    });

    it('is a dead letter when none is left, and when the group consumes in order', async () => {
      await retry(5, 4);
      expect(await read('%DLQ%billing')).toHaveLength(1);
      await client.invoke(
        RequestCode.LOCK_BATCH_MQ,
        {},
        encodeLockBatchRequestBody({
          consumerGroup: 'billing',
          clientId: client.clientId,
          mqSet: [{ topic: 'orders', brokerName: 'nestmq', queueId: 0 }],
        }),
      );
      await retry(1, 2);
      expect(await read('%DLQ%billing')).toHaveLength(1);
      await retry(2, 2);
      const dead = await read('%DLQ%billing');
      expect(dead).toHaveLength(2);
      expect(properties(dead[1]!)).toMatchObject({
        UNIQ_KEY: 'U2',
        NESTMQ_DLQ_TOPIC: 'orders',
        NESTMQ_DLQ_ATTEMPTS: '3',
      });
      expect(properties(dead[1]!)).not.toHaveProperty('DELAY');
    });
  });
});
