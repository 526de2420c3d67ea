import { describe, expect, it } from '@jest/globals';
import {
  appendProperty,
  checkGroup,
  checkTopic,
  decodeRecord,
  encodeRecord,
  getProperty,
  MessagingError,
  Namespace,
  PropertyName,
  recordSizeOf,
  renameRecords,
} from '../../lib/protocol/index.js';
import type { MessageRecord } from '../../lib/protocol/index.js';

const shop = new Namespace('shop');

describe('a namespace', () => {
  it.each([
    ['orders', 'shop%orders'],
    ['%RETRY%billing', '%RETRY%shop%billing'],
    ['%DLQ%billing', '%DLQ%shop%billing'],
    ['shopping', 'shop%shopping'],
    ['other%orders', 'shop%other%orders'],
  ])('%s is %s at the broker, and itself again', (bare, wrapped) => {
    expect(shop.wrapTopic(bare)).toBe(wrapped);
    expect(shop.unwrap(wrapped)).toBe(bare);
    expect(shop.owns(wrapped)).toBe(true);
    expect(shop.owns(bare)).toBe(false);
  });

  it.each([
    'TBW102',
    'SCHEDULE_TOPIC_XXXX',
    'rmq_sys_wheel_timer',
    'TRANS_CHECK_MAX_TIME_TOPIC',
    'RMQ_SYS_TRACE_TOPIC',
  ])('the system topic %s is the same for all', (topic) => {
    expect(shop.wrapTopic(topic)).toBe(topic);
    expect(shop.unwrap(topic)).toBe(topic);
  });

  it('groups of the broker itself are the same for all', () => {
    expect(shop.wrapGroup('CID_RMQ_SYS_TRANS')).toBe('CID_RMQ_SYS_TRANS');
    expect(shop.wrapGroup('TOOLS_CONSUMER')).toBe('TOOLS_CONSUMER');
    expect(shop.wrapGroup('billing')).toBe('shop%billing');
  });

  it('what is wrapped stays as it is, and so do names of others', () => {
    expect(shop.wrapTopic('shop%orders')).toBe('shop%orders');
    expect(shop.unwrap('other%orders')).toBe('other%orders');
    expect(shop.unwrap('orders')).toBe('orders');
  });

  it('texts lose it before names only', () => {
    expect(shop.unwrapText('no shop%orders, no %RETRY%shop%billing')).toBe('no orders, no %RETRY%billing');
    expect(shop.unwrapText('50 workshop%orders')).toBe('50 workshop%orders');
  });

  it.each(['', 'a b', 'a%b', 'x'.repeat(61), 7 as never])('%j is none', (name) => {
    expect(() => new Namespace(name)).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }));
  });

  it('takes its part of the room that a name has', () => {
    expect(() => checkTopic('t'.repeat(122), 'shop')).not.toThrow();
    expect(() => checkTopic('t'.repeat(123), 'shop')).toThrow(
      /123 characters; 122 are allowed beside the namespace shop/,
    );
    expect(() => checkGroup('g'.repeat(115), 'shop')).not.toThrow();
    expect(() => checkGroup('g'.repeat(116), 'shop')).toThrow(MessagingError);
  });

  it('a name that brings it along is refused', () => {
    expect(() => checkTopic('shop%orders', 'shop')).toThrow(/leave "shop%" out/);
    expect(() => checkTopic('shop%orders', 'other')).not.toThrow();
    expect(() => checkTopic('shop%orders')).not.toThrow();
  });
});

describe('names in records', () => {
  const renaming = {
    topic: (topic: string) => shop.unwrap(topic),
    properties: (properties: string) => shop.unwrapProperties(properties),
  };
  const record = (more: Partial<MessageRecord>): Buffer => {
    const fields: MessageRecord = {
      size: 0,
      bodyCrc: 0,
      queueId: 3,
      flag: 5,
      queueOffset: 7,
      physicalOffset: 1234,
      sysFlag: 0,
      bornTimestamp: 1_700_000_000_000,
      bornHost: '10.0.0.1:4000',
      storeTimestamp: 1_700_000_000_001,
      storeHost: '10.0.0.2:10911',
      reconsumeTimes: 2,
      preparedTransactionOffset: 9,
      body: Buffer.from('body'),
      topic: 'shop%orders',
      properties: '',
      ...more,
    };
    const bytes = Buffer.alloc(recordSizeOf(fields));
    encodeRecord(bytes, 0, fields);
    return bytes;
  };
  const properties = (...entries: [string, string][]): string =>
    entries.reduce((text, [name, value]) => appendProperty(text, name, value), '');

  it('all of a body are renamed, and nothing else of them changes', () => {
    const first = record({ properties: properties(['KEYS', 'shop%key'], [PropertyName.RETRY_TOPIC, 'shop%orders']) });
    const second = record({ topic: '%RETRY%shop%billing', body: Buffer.alloc(5000, 7) });
    const source = Buffer.concat([first, second]);
    const before = Buffer.from(source);
    const bytes = renameRecords(source, renaming);
    const one = decodeRecord(bytes, 0);
    const two = decodeRecord(bytes, one.size);
    expect(one).toMatchObject({ topic: 'orders', queueId: 3, queueOffset: 7, physicalOffset: 1234, reconsumeTimes: 2 });
    expect(one.body.toString()).toBe('body');
    expect(getProperty(one.properties, PropertyName.RETRY_TOPIC)).toBe('orders');
    // A key is the sender's, whatever it looks like.
    expect(getProperty(one.properties, 'KEYS')).toBe('shop%key');
    expect(two.topic).toBe('%RETRY%billing');
    expect(two.body.equals(Buffer.alloc(5000, 7))).toBe(true);
    expect(one.size + two.size).toBe(bytes.length);
    expect(source.equals(before)).toBe(true);
  });

  it('what is no record is handed on as it is, from there on', () => {
    const good = record({});
    const bytes = renameRecords(
      Buffer.concat([good, Buffer.from('this is no record, and shop%orders is no topic')]),
      renaming,
    );
    const { size, topic } = decodeRecord(bytes, 0);
    expect(topic).toBe('orders');
    expect(bytes.toString('utf8', size)).toBe('this is no record, and shop%orders is no topic');
    expect(renameRecords(Buffer.alloc(0), renaming)).toHaveLength(0);
  });

  it('addresses and topics of either length', () => {
    const v6 = record({ bornHost: '[fe80::1]:4000', sysFlag: 1 << 4, topic: `shop%${'t'.repeat(130)}` });
    const { topic, bornHost } = decodeRecord(renameRecords(v6, renaming), 0);
    expect(topic).toBe('t'.repeat(130));
    expect(bornHost).toContain('fe80');
  });
});
