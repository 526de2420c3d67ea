import { describe, expect, it } from '@jest/globals';
import type { ReceivedMessage } from '../../lib/client/index.js';
import {
  IdempotencyKeyError,
  idempotencyKey,
  type IdempotencyKey,
  type KeyScope,
  MAX_KEY_BYTES,
} from '../../lib/idempotency/index.js';

interface Known {
  topic?: string;
  keys?: string[];
  repetition?: string;
  properties?: Record<string, string>;
}

function message({
  topic = 't',
  keys = [],
  repetition,
  properties = { UNIQ_KEY: 'id-1' },
}: Known = {}): ReceivedMessage {
  const systemProperty = (name: string): string | undefined => properties[name];
  return { messageId: 'm', offsetMessageId: 'place', topic, keys, repetition, systemProperty } as never;
}

const keyOf = (known: Known, key: 'id' | 'keys' | IdempotencyKey = 'id', scope: Partial<KeyScope> = {}): string =>
  idempotencyKey(message(known), key, { group: 'g', instance: undefined, ...scope });

describe('the key of a message', () => {
  it('is group, topic and the id that it was sent with, of what is broadcast also the instance', () => {
    expect(keyOf({})).toBe('g|t|id-1');
    expect(keyOf({}, 'id', { instance: 'host/app/one' })).toBe('g|host/app/one|t|id-1');
  });

  it('is that of the first copy where senders give no id, or where it is sent once more', () => {
    expect(keyOf({ properties: {} })).toBe('g|t|place');
    expect(keyOf({ properties: { ORIGIN_MESSAGE_ID: 'first place' } })).toBe('g|t|first place');
    expect(keyOf({ properties: { UNIQ_KEY: 'id-2', NESTMQ_ORIGIN_ID: 'id-1' } })).toBe('g|t|id-1');
  });

  it('is another one for what was resent or replayed on purpose', () => {
    expect(keyOf({ repetition: 'r:1' })).toBe('g|t|\\again r:1|id-1');
    expect(keyOf({ repetition: 'r:1', keys: ['k'] }, 'keys')).toBe('g|t|\\again r:1|k');
  });

  it('is made of business keys, or of what a function gives', () => {
    expect(keyOf({ keys: ['a', 'b'] }, 'keys')).toBe('g|t|a|b');
    expect(keyOf({}, () => 'a b')).toBe('g|t|a b');
    expect(keyOf({}, () => ['a', 'b'])).toBe('g|t|a|b');
  });

  it('never looks like that of another message', () => {
    const texts = ['', 'a', 'b', '|', '\\', 'a|b', 'a\\|b', '\\again r', '\\again r|a', '\\sha256 x', 'a|', '|a'];
    const keys = new Map<string, string>();
    for (const topic of ['t', 't|a', 't|']) {
      for (const first of texts) {
        for (const second of [undefined, ...texts]) {
          const parts = second === undefined ? [first] : [first, second];
          if (parts.includes('')) continue;
          const name = JSON.stringify([topic, parts]);
          const key = keyOf({ topic }, () => parts);
          expect([keys.get(key) ?? name, key]).toEqual([name, key]);
          keys.set(key, name);
          const again = keyOf({ topic, repetition: 'r' }, () => parts);
          expect(keys.has(again)).toBe(false);
          keys.set(again, `again ${name}`);
        }
      }
    }
  });

  it('is cut and hashed where it is too long, still another one for another message', () => {
    const long = 'x'.repeat(2_000);
    const keys = [long, `${long}y`, `${long}z`, '日'.repeat(400), '😀'.repeat(300)].map((text) =>
      keyOf({}, () => text),
    );
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) {
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(MAX_KEY_BYTES);
      expect(key).toMatch(/^g\|t\|.+\\sha256 [\w-]{43}$/u);
    }
    const longest = 'x'.repeat(MAX_KEY_BYTES - 'g|t|'.length);
    expect(keyOf({}, () => longest)).toBe(`g|t|${longest}`);
  });

  it('has no characters that a database refuses or takes for others', () => {
    const keys = ['a\u0000b', 'a\u0000c', 'a\uD800', 'a\uD801', '\uDC00a', 'a\uFFFD'].map((text) =>
      keyOf({}, () => text),
    );
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(keys.length);
    for (const key of keys) expect([Buffer.from(key).toString(), key.includes('\u0000')]).toEqual([key, false]);
  });

  it.each<[string, 'keys' | IdempotencyKey, string]>([
    ['without business keys', 'keys', 'has no keys'],
    ['for which the function gives nothing', () => undefined, 'gave undefined'],
    ['for which it gives an empty text', () => '', 'gave ""'],
    ['for which one of several is empty', () => ['a', ''], 'gave ["a",""]'],
    ['for which there is an empty list', () => [], 'gave []'],
    ['for which it gives a number', (() => 7) as never, 'something that is no text'],
  ])('is refused for a message %s', (_, key, why) => {
    expect(() => keyOf({}, key)).toThrow(IdempotencyKeyError);
    expect(() => keyOf({}, key)).toThrow(why);
  });

  it('fails with what the function throws', () => {
    const thrown = new Error('of the application');
    expect(() =>
      keyOf({}, () => {
        throw thrown;
      }),
    ).toThrow(thrown);
  });
});
