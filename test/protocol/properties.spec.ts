import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  appendProperty,
  closeProperties,
  decodeProperties,
  encodeProperties,
  getProperty,
  isReservedProperty,
  removeProperties,
  setProperty,
  tagsCode,
} from '../../lib/protocol/index.js';
import { codeOf, plainText } from './messages.js';
import { vectors } from './vectors.js';
import { processorMillis } from '../support/processor-time.js';

const golden = vectors('texts').properties;
/** Strings of separators and a few letters: every odd shape that the wire may bring. */
const oddText = fc.string({ unit: fc.constantFrom('\x01', '\x02', 'a', 'b', 'ä'), maxLength: 30 });

describe('the properties string', () => {
  it.each(golden)('is read as RocketMQ reads it: %j', ({ text, entries, encoded, tagsCode: code }) => {
    const read = decodeProperties(text);
    expect(new Map([...read].sort())).toEqual(new Map(Object.entries(entries).sort()));
    expect(encodeProperties(Object.entries(entries))).toBe(encoded);
    expect(tagsCode(text)).toBe(code);
  });

  it('gives back what was put in', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(plainText, plainText), { maxLength: 8 }), (entries) => {
        expect(decodeProperties(encodeProperties(entries))).toEqual(new Map(entries));
      }),
      { numRuns: 200 },
    );
  });

  it('refuses entries that readers would drop or misread', () => {
    for (const [name, value] of [
      ['', 'v'],
      ['n', ''],
      ['n\x01', 'v'],
      ['n\x02', 'v'],
      ['n', 'v\x02w'],
    ] as const) {
      expect(codeOf(() => encodeProperties([[name, value]]))).toBe('PROPERTIES_INVALID');
      expect(codeOf(() => appendProperty('', name, value))).toBe('PROPERTIES_INVALID');
    }
  });

  it('is scanned for one name with the same outcome as being read whole', () => {
    fc.assert(
      fc.property(oddText, fc.constantFrom('a', 'b', 'ab', 'ba', 'aa', 'ä', ''), (text, name) => {
        expect(getProperty(text, name)).toBe(decodeProperties(text).get(name));
      }),
      { numRuns: 2000 },
    );
  });

  it('loses all entries of a name and nothing else', () => {
    fc.assert(
      fc.property(oddText, fc.constantFrom('a', 'b', 'ab'), (text, name) => {
        const want = decodeProperties(text);
        want.delete(name);
        const rest = removeProperties(text, [name]);
        expect(decodeProperties(rest)).toEqual(want);
        expect(getProperty(rest, name)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
    const text = 'a\x01b\x02';
    expect(removeProperties(text, ['c', ''])).toBe(text);
  });

  it('takes one more entry, also when its last separator is missing', () => {
    expect(appendProperty('a\x01b', 'c', 'd')).toBe('a\x01b\x02c\x01d\x02');
    expect(appendProperty('', 'c', 'd')).toBe('c\x01d\x02');
    expect(setProperty('c\x01old\x02a\x01b\x02', 'c', 'd')).toBe('a\x01b\x02c\x01d\x02');
    expect(closeProperties('')).toBe('');
  });

  it('is read in linear time, whatever it holds', () => {
    const hostile = '\x02'.repeat(300_000) + 'a\x01b';
    // The square of these lengths would take minutes.
    const started = processorMillis();
    expect(decodeProperties(hostile).get('a')).toBe('b');
    expect(getProperty('a\x01'.repeat(150_000), 'a')).toBeDefined();
    expect(removeProperties('a\x01b\x02'.repeat(80_000), ['a'])).toBe('');
    expect(processorMillis() - started).toBeLessThan(10_000);
  });

  it('keeps dangerous names harmless', () => {
    const read = decodeProperties('__proto__\x01x\x02constructor\x01y\x02');
    expect(read.get('__proto__')).toBe('x');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('reserves the names of RocketMQ and of the extensions', () => {
    for (const name of [
      'TAGS',
      'UNIQ_KEY',
      '__CRC32#',
      'TIMER_DELIVER_MS',
      'NESTMQ_ANYTHING',
      '__RMQ.TRANSIENT.TOPIC_SYS_FLAG',
    ]) {
      expect([name, isReservedProperty(name)]).toEqual([name, true]);
    }
    expect(isReservedProperty('tags')).toBe(false);
  });
});
