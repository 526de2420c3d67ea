import { describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import {
  DELAY_LEVELS,
  RETRY_LADDER,
  buildSubscriptionData,
  checkGroup,
  checkTopic,
  compressionType,
  deadLetterTopic,
  delayLevelMillis,
  isCompressed,
  isDeadLetterTopic,
  isRetryTopic,
  isSendableTopic,
  isSystemTopic,
  javaHashCode,
  parseTagExpression,
  retryDelayLevel,
  retryTopic,
  withZlibCompression,
  withoutCompression,
} from '../../lib/protocol/index.js';
import { codeOf } from './messages.js';
import { vectors } from './vectors.js';

const { names, filters } = vectors('texts');

describe('names', () => {
  it.each(Object.entries(names.topics))('topic %j: RocketMQ says %j', (topic, valid) => {
    expect(codeOf(() => checkTopic(topic))).toBe(valid ? undefined : 'NAME_INVALID');
  });

  it('takes groups up to 120 characters, so that the retry topic is a topic', () => {
    expect(codeOf(() => checkGroup('g'.repeat(120)))).toBeUndefined();
    expect(codeOf(() => checkGroup('g'.repeat(121)))).toBe('NAME_INVALID');
    expect(codeOf(() => checkGroup(''))).toBe('NAME_INVALID');
    expect(codeOf(() => checkGroup('a b'))).toBe('NAME_INVALID');
    expect(retryTopic('g'.repeat(120))).toHaveLength(127);
  });

  it('names the topics of retries and dead letters as RocketMQ does', () => {
    expect(retryTopic('billing')).toBe(names.retryTopic);
    expect(deadLetterTopic('billing')).toBe(names.deadLetterTopic);
    expect(isRetryTopic(names.retryTopic)).toBe(true);
    expect(isDeadLetterTopic(names.deadLetterTopic)).toBe(true);
    expect(isRetryTopic('orders')).toBe(false);
  });

  it.each(Object.entries(names.systemTopics))(
    '%s: system and sendable as in RocketMQ',
    (topic, { system, sendable }) => {
      expect(isSystemTopic(topic)).toBe(system);
      // RocketMQ lets clients write into the timer's own topic; here that would forge a timer.
      expect(isSendableTopic(topic)).toBe(sendable && topic !== 'rmq_sys_wheel_timer');
    },
  );
});

describe('hash codes and CRCs', () => {
  it.each(Object.entries(names.hashCodes))('javaHashCode(%j) is %d', (text, code) => {
    expect(javaHashCode(text)).toBe(code);
  });

  it.each(Object.entries(names.crcs))('the CRC of %j is %d', (text, crc) => {
    expect(crc32(Buffer.from(text)) & 0x7fff_ffff).toBe(crc);
  });
});

describe('tag expressions', () => {
  it.each(filters)('$expression is read as RocketMQ reads it', ({ expression, tags, codes }) => {
    const filter = parseTagExpression(expression ?? undefined);
    expect([...filter.tags].sort()).toEqual([...tags].sort());
    expect([...filter.codes].sort()).toEqual([...codes].sort());
    expect(filter.matchesAll).toBe(tags.length === 0);
    expect(parseTagExpression(filter.expression).tags).toEqual(filter.tags);
  });

  it('compare codes first and tags at last', () => {
    const filter = parseTagExpression('Aa || c');
    expect(filter.matchesCode(javaHashCode('BB'))).toBe(true);
    expect(filter.matches('BB')).toBe(false);
    expect(filter.matches('Aa')).toBe(true);
    expect(filter.matches(undefined)).toBe(false);
    expect(parseTagExpression().matches(undefined)).toBe(true);
  });

  it('overlap when a message could pass both', () => {
    const overlaps = (a: string, b: string) => parseTagExpression(a).overlaps(parseTagExpression(b));
    expect(overlaps('a || b', 'b || c')).toBe(true);
    expect(overlaps('a', 'b')).toBe(false);
    expect(overlaps('*', 'b')).toBe(true);
    expect(overlaps('b', '*')).toBe(true);
  });

  it('are refused without a tag, or with * among tags', () => {
    expect(codeOf(() => parseTagExpression('||'))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => parseTagExpression('a || *'))).toBe('BAD_ARGUMENT');
  });

  it('become the subscription of a heartbeat', () => {
    expect(buildSubscriptionData('orders', 'a||b', 7)).toEqual({
      topic: 'orders',
      subString: 'a || b',
      tagsSet: ['a', 'b'],
      codeSet: [97, 98],
      subVersion: 7,
      expressionType: 'TAG',
      classFilterMode: false,
    });
  });
});

describe('delay levels', () => {
  it('are RocketMQ’s 18, and retries begin at the third', () => {
    expect(DELAY_LEVELS).toHaveLength(18);
    expect(RETRY_LADDER.map((millis) => millis / 1000)).toEqual([
      10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200,
    ]);
    expect(delayLevelMillis(0)).toBe(0);
    expect(delayLevelMillis(1)).toBe(1000);
    expect(delayLevelMillis(99)).toBe(7_200_000);
    expect([0, 1, 15, 16].map(retryDelayLevel)).toEqual([3, 4, 18, 18]);
  });
});

describe('compression bits', () => {
  it('name the algorithm, zlib for those who set none', () => {
    expect(compressionType(0x1)).toBe('zlib');
    expect(compressionType(0x301)).toBe('zlib');
    expect(compressionType(0x101)).toBe('lz4');
    expect(compressionType(0x201)).toBe('zstd');
    expect(compressionType(0x701)).toBeUndefined();
    expect(withZlibCompression(0x8)).toBe(0x309);
    expect(isCompressed(withZlibCompression(0))).toBe(true);
    expect(withoutCompression(0x309)).toBe(0x8);
  });
});
