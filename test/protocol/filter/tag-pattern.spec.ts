import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MessagingError, parseTagPatterns } from '../../../lib/protocol/index.js';
import { isTagPattern, TagPattern } from '../../../lib/protocol/filter/tag-pattern.js';
import { processorMillis } from '../../support/processor-time.js';

/** What the words mean, tried out in all ways. */
function naive(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return words.length === 0;
  if (first === '#')
    return Array.from({ length: words.length + 1 }, (_, n) => n).some((n) => naive(rest, words.slice(n)));
  return words.length > 0 && (first === '*' || first === words[0]) && naive(rest, words.slice(1));
}

function allTags(longest: number): string[] {
  let longer: string[] = [''];
  const all: string[] = [];
  for (let length = 1; length <= longest; length++) {
    longer = longer.flatMap((start) => ['a', 'b', 'z'].map((word) => (start === '' ? word : `${start}.${word}`)));
    all.push(...longer);
  }
  return all;
}

const TAGS = allTags(6);
const words = (most: number) =>
  fc.array(fc.constantFrom('a', 'b', '*', '#'), { minLength: 1, maxLength: most }).map((list) => list.join('.'));

describe('a tag with wildcards', () => {
  it.each<[string, string, boolean]>([
    ['order.*.paid', 'order.books.paid', true],
    ['order.*.paid', 'order.paid', false],
    ['order.*.paid', 'order.a.b.paid', false],
    ['order.*.paid', 'order..paid', true],
    ['order.#', 'order', true],
    ['order.#', 'order.books.paid', true],
    ['order.#', 'orders', false],
    ['#.paid', 'paid', true],
    ['#.paid', 'order.books.paid', true],
    ['#.paid', 'order.paid.books', false],
    ['a.#.b.#.c', 'a.b.b.x.c', true],
    ['*', 'a', true],
    ['*.*', 'a', false],
    ['order.c#', 'order.c#', true],
    ['order.c#', 'order.c', false],
  ])('%s and %s: %s', (pattern, tag, outcome) => {
    expect(parseTagPatterns(pattern).matches(tag)).toBe(outcome);
  });

  it('matches what its words mean', () => {
    fc.assert(
      fc.property(words(6), fc.array(fc.constantFrom('a', 'b', 'z', ''), { maxLength: 8 }), (text, tag) => {
        const joined = tag.join('.');
        expect(new TagPattern(text).matches(joined)).toBe(naive(text.split('.'), joined.split('.')));
      }),
      { numRuns: 5_000 },
    );
  });

  it('overlaps another exactly if some tag matches both', () => {
    fc.assert(
      fc.property(words(3), words(3), (one, other) => {
        const [a, b] = [new TagPattern(one), new TagPattern(other)];
        // A `#` needs no more words than the other pattern has, so six are enough.
        expect(a.overlaps(b)).toBe(TAGS.some((tag) => a.matches(tag) && b.matches(tag)));
      }),
      { numRuns: 300 },
    );
  });

  it('remembers outcomes without mixing them up, however many tags there are', () => {
    const pattern = new TagPattern('a.#.b');
    let wrong = 0;
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 3_000; i++) {
        if (!pattern.matches(`a.${i}.b`) || pattern.matches(`a.${i}`)) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  it('costs no more than its length times that of the tag', () => {
    const pattern = new TagPattern(`${'#.a.'.repeat(30)}b`);
    const tag = `${'a.'.repeat(5_000)}c`;
    const began = processorMillis();
    expect(pattern.matches(tag)).toBe(false);
    expect(processorMillis() - began).toBeLessThan(2_000);
  });

  it.each([
    ['ord*', 'whole word'],
    ['order.p*d', 'whole word'],
    ['a || *', '"*" among tags'],
    ['a || #', '"#" among tags'],
    ['||', 'names no tag'],
    [Array.from({ length: 65 }, () => '*').join('.'), '64 are allowed'],
  ])('%s is refused', (expression, problem) => {
    expect(() => parseTagPatterns(expression)).toThrow(MessagingError);
    expect(() => parseTagPatterns(expression)).toThrow(problem);
  });

  it('is told from a tag that only looks like one', () => {
    expect(['a.*', '#.b', '*'].map(isTagPattern)).toEqual([true, true, true]);
    expect(['c#', 'a.c#', 'a'].map(isTagPattern)).toEqual([false, false, false]);
    expect(parseTagPatterns('#').matchesAll).toBe(true);
  });
});
