import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import {
  decodeRecords,
  encodeProperties,
  type QueryMessageResponseHeader,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

const FOREVER = { beginTimestamp: 0, endTimestamp: Number.MAX_SAFE_INTEGER };

describe('QUERY_MESSAGE', () => {
  let broker: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    broker = await TestBroker.start({}, new MemoryFileSystem(), { index: true });
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const send = (body: string, id: string, keys = '') =>
    client.sent('orders', body, {
      properties: encodeProperties([['UNIQ_KEY', id], ...(keys === '' ? [] : [['KEYS', keys] as [string, string]])]),
    });
  const query = (key: string, more: object = {}) =>
    client.invoke(RequestCode.QUERY_MESSAGE, { topic: 'orders', key, maxNum: 10, ...FOREVER, ...more });
  const bodies = async (key: string, more: object = {}) => {
    const { code, body } = await query(key, more);
    expect(code).toBe(ResponseCode.SUCCESS);
    return decodeRecords(body!).map((record) => record.body.toString());
  };

  it('finds messages by key, the youngest first, and says how far the index has come', async () => {
    await send('a', 'U1', 'order-1 customer-7');
    await send('b', 'U2', 'customer-7');
    expect(await bodies('customer-7')).toEqual(['b', 'a']);
    expect(await bodies('order-1')).toEqual(['a']);
    expect(await bodies('customer-7', { maxNum: 1 })).toEqual(['b']);
    const { header } = await query('order-1');
    expect(header as QueryMessageResponseHeader).toEqual({
      indexLastUpdateTimestamp: broker.clock.now(),
      indexLastUpdatePhyoffset: broker.store.visibleOffset,
    });
  });

  it('tells a unique id from a key that reads the same', async () => {
    await send('id', 'X');
    await send('key', 'U2', 'X');
    expect(await bodies('X', { unique: true })).toEqual(['id']);
    expect(await bodies('X')).toEqual(['key']);
  });

  it('answers with 64 at the most, and with 32 that have one unique id', async () => {
    for (let at = 0; at < 70; at++) await send(`${at}`, 'U', 'k');
    expect(await bodies('k', { maxNum: 1_000 })).toHaveLength(64);
    expect(await bodies('U', { maxNum: 1_000, unique: true })).toHaveLength(32);
  });

  it('says in RocketMQ’s words that there is nothing', async () => {
    await send('a', 'U1', 'k');
    for (const nothing of [query('other'), query('k', { endTimestamp: 1 }), query('k', { topic: 'nowhere' })])
      expect(await nothing).toMatchObject({
        code: ResponseCode.QUERY_NOT_FOUND,
        remark: 'can not find message, maybe time range not correct',
      });
  });

  it.each([0, -1])('refuses to look for %d messages', async (maxNum) => {
    expect((await query('k', { maxNum })).remark).toMatch(/^BAD_ARGUMENT/);
  });

  it('says where it is switched on when it is off', async () => {
    const without = await TestBroker.start();
    const { code, remark } = await without
      .client()
      .invoke(RequestCode.QUERY_MESSAGE, { topic: 'orders', key: 'k', maxNum: 1, ...FOREVER });
    expect([code, remark]).toEqual([
      ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
      expect.stringMatching(/^NOT_SUPPORTED: .*`broker\.index`/),
    ]);
    await without.stop();
  });
});
