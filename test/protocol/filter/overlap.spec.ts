import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileFilter, encodeProperties, type FilterSpec, type MessageFilter } from '../../../lib/protocol/index.js';
import type { Atom } from '../../../lib/protocol/filter/atom.js';
import { type Alternatives, alternativesOf, couldMeet } from '../../../lib/protocol/filter/overlap.js';
import { type Node, render, renderBare } from './naive-sql.js';
import { conditions } from './sql-arbitraries.js';
import { processorMillis } from '../../support/processor-time.js';

type Message = Readonly<Record<string, string>>;
type Overlaps = (a: MessageFilter, b: MessageFilter) => boolean;

const overlaps: Overlaps = (a, b) => a.overlaps(b);

function matches(filter: MessageFilter, message: Message): boolean {
  return filter.matches(message.TAGS, encodeProperties(Object.entries(message)));
}

const tagText = fc.constantFrom(
  'a',
  'b',
  'a.b',
  'a.b.c',
  'a.c',
  'b.c',
  '*.b',
  'a.*',
  'a.#',
  '#.c',
  'a.#.c',
  '*.*',
  '#.b.#',
);
const tag = fc.uniqueArray(tagText, { minLength: 1, maxLength: 3 }).map((tags) => tags.join(' || '));
const headers = fc.record({
  match: fc.constantFrom<'all' | 'any'>('all', 'any'),
  properties: fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.oneof(fc.constant<true>(true), fc.constantFrom('x', '3', '10')),
    { minKeys: 1, maxKeys: 3 },
  ),
});

/** Conditions on few values, so that two of them often have to do with each other. */
const number = fc.constantFrom<Node>(
  ['whole', '3'],
  ['whole', '10'],
  ['decimal', '3.0'],
  ['decimal', '3.5'],
  ['minus', ['whole', '3']],
  ['whole', '3000000000'],
  ['whole', '9007199254740993'],
  ['decimal', '9007199254740992.0'],
);
const text = fc.constantFrom('a', 'ab', 'b', '3', '03', 'a.b', 'x', 'true');
const simpleOn = (...names: string[]): fc.Arbitrary<Node> => {
  const name = fc.constantFrom(...names.map((of): Node => ['property', of]));
  return fc.oneof(
    fc.tuple(fc.constantFrom('<', '<=', '>', '>=', '=', '<>'), name, number),
    fc.tuple(fc.constantFrom('<', '<=', '>', '>=', '='), number, name),
    fc.tuple(
      fc.constantFrom('=', '<>'),
      name,
      text.map((value): Node => ['text', value]),
    ),
    fc.tuple(fc.constantFrom('=', '<>'), name, fc.constantFrom<Node>(['true'], ['false'])),
    fc.tuple(fc.constantFrom('is null', 'is not null'), name),
    fc.tuple(
      fc.constantFrom('in', 'not in'),
      fc.constantFrom(...names),
      fc.array(text, { minLength: 1, maxLength: 3 }),
    ),
    fc.tuple(fc.constantFrom('startswith', 'endswith', 'contains', 'not startswith', 'not endswith'), name, text),
    fc.tuple(fc.constantFrom('between', 'not between'), name, fc.constant<Node>(['whole', '3']), number),
  ) as fc.Arbitrary<Node>;
};
const asNode = (parts: readonly unknown[]): Node => parts as unknown as Node;
const { condition } = fc.letrec<{ condition: Node }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: simpleOn('a', 'a', 'b', 'TAGS') },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('and', 'or'), tie('condition'), tie('condition')).map(asNode) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('not'), tie('condition')).map(asNode) },
  ),
}));

const selectorOf = (node: Node): FilterSpec => ({ selector: renderBare(node) });
/** BETWEEN 3 AND -3 is refused, for one. */
const compiles = (candidate: FilterSpec): boolean => {
  try {
    compileFilter(candidate);
    return true;
  } catch {
    return false;
  }
};
const spec: fc.Arbitrary<FilterSpec> = fc
  .oneof(
    { weight: 5, arbitrary: condition.map(selectorOf) },
    { weight: 1, arbitrary: conditions.map((node): FilterSpec => ({ selector: render(node) })) },
    { weight: 2, arbitrary: tag.map((value): FilterSpec => ({ tag: value })) },
    { weight: 2, arbitrary: headers.map((value): FilterSpec => ({ headers: value })) },
    { weight: 1, arbitrary: fc.record<FilterSpec>({ tag, headers }) },
  )
  .filter(compiles);
/** Every second time two plain wishes about the same property: the proof is about those at last. */
const pair = fc.oneof(
  fc.tuple(spec, spec),
  fc.constantFrom('a', 'TAGS').chain((of) => {
    const wish = simpleOn(of).map(selectorOf).filter(compiles);
    return fc.tuple(wish, wish);
  }),
);

const value = fc.constantFrom(
  ...['3', '10', '-3', '3.0', '3.5', '+3', '03', '2', '4', '3.2', '3000000000', '3000000001', ' 3.0 ', 'NaN', '-0'],
  ...['Infinity', '9007199254740993', '9007199254740992', '9007199254740994', '99999999999999999999', '1e400'],
  ...['a', 'ab', 'b', 'ba', 'aba', 'a.b', 'x', 'abx', 'true', 'TRUE', 'false', "it's"],
);
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.dictionary(fc.constantFrom('a', 'b', 'c'), value),
  fc
    .tuple(
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), value),
      fc.constantFrom('a', 'b', 'a.b', 'a.b.c', 'a.c', 'a.x.c', 'b.b', 'x', '3', 'ab', 'true'),
    )
    .map(([others, TAGS]) => ({ ...others, TAGS })),
);
const messages = fc.array(message, { minLength: 60, maxLength: 60 });

interface SearchParameters {
  readonly numRuns: number;
  readonly seed?: number;
  readonly endOnFailure?: boolean;
}

/** Looks for two filters that are said to exclude each other and a message that passes both. */
function lookForBoth(claim: Overlaps, parameters: SearchParameters, seen = { excluded: 0, met: 0 }) {
  const property = fc.property(pair, messages, ([one, other], all) => {
    const [a, b] = [compileFilter(one), compileFilter(other)];
    const excluded = !claim(a, b);
    const both = all.filter((candidate) => matches(a, candidate) && matches(b, candidate));
    if (excluded) seen.excluded++;
    if (both.length > 0) seen.met++;
    if (!excluded) return;
    expect(both).toEqual([]);
  });
  return fc.check(property, parameters);
}

/** A proof with one mistake each: what the right one knows of a filter is changed before it is compared. */
function mistaken(change: (atom: Atom) => Atom): Overlaps {
  const changed = (filter: MessageFilter): Alternatives =>
    alternativesOf(filter.tags, filter.properties)?.map((atoms) => atoms.map(change));
  return (a, b) => couldMeet(changed(a), changed(b));
}

const MISTAKES: Readonly<Record<string, Overlaps>> = {
  'leaves limits out of intervals': mistaken((atom) =>
    atom.interval === undefined ? atom : { ...atom, interval: { ...atom.interval, lowOpen: true, highOpen: true } },
  ),
  'forgets that a message may lack a property': mistaken((atom) => ({
    ...atom,
    holds: (candidate) => candidate !== undefined && atom.holds(candidate),
  })),
  'takes a prefix for the whole': mistaken((atom) =>
    atom.prefix === undefined ? atom : { ...atom, finite: [atom.prefix] },
  ),
  'takes a suffix for the whole': mistaken((atom) =>
    atom.suffix === undefined ? atom : { ...atom, finite: [atom.suffix] },
  ),
  'takes a number for its digits': mistaken((atom) =>
    atom.interval === undefined || atom.interval.low !== atom.interval.high
      ? atom
      : { ...atom, finite: [String(atom.interval.low)] },
  ),
  'takes the opposite of a truth value': mistaken((atom) =>
    atom.truth === undefined ? atom : { ...atom, truth: !atom.truth, holds: (candidate) => !atom.holds(candidate) },
  ),
  'compares patterns of tags as texts': (a, b) =>
    a.overlaps(b) && (a.plain === b.plain || a.properties !== undefined || b.properties !== undefined),
  'looks at the first alternative only': (a, b) =>
    couldMeet(alternativesOf(a.tags, a.properties)?.slice(0, 1), alternativesOf(b.tags, b.properties)?.slice(0, 1)),
  'takes different texts for different wishes': (a, b) => a.overlaps(b) && a.expression === b.expression,
};

describe('the proof that two filters exclude each other', () => {
  it.each<[FilterSpec, FilterSpec]>([
    [{ tag: 'order.*.paid' }, { tag: 'order.*.created' }],
    [{ tag: 'order.#' }, { tag: 'invoice.#' }],
    [{ tag: 'order.*' }, { tag: 'order.*.paid || order' }],
    [{ selector: 'amount > 10' }, { selector: 'amount <= 10' }],
    [{ selector: 'amount > 10' }, { selector: 'NOT (amount > 10)' }],
    [{ selector: 'amount BETWEEN 0 AND 9' }, { selector: '10 <= amount' }],
    [{ selector: "region = 'eu'" }, { selector: "region IN ('us', 'asia')" }],
    [{ selector: "region = 'eu'" }, { selector: "region <> 'eu'" }],
    [{ selector: "region = 'eu'" }, { selector: 'region IS NULL' }],
    [{ selector: 'region IS NOT NULL' }, { selector: 'region IS NULL' }],
    [{ selector: 'vip = TRUE' }, { selector: 'vip = FALSE' }],
    [{ selector: "no STARTSWITH 'A'" }, { selector: "no STARTSWITH 'B'" }],
    [{ selector: "no ENDSWITH '1'" }, { selector: "no = 'A2'" }],
    [{ selector: "a = '1' AND b = '1'" }, { selector: "b = '2' OR a = '2'" }],
    [{ selector: "TAGS = 'paid'" }, { tag: 'created' }],
    [{ selector: "TAGS IN ('order.paid')" }, { tag: 'order.#.created' }],
    [
      { headers: { match: 'all', properties: { region: 'eu', vip: true } } },
      { headers: { match: 'all', properties: { region: 'us' } } },
    ],
    [{ headers: { match: 'any', properties: { region: 'eu' } } }, { selector: "region <> 'eu' AND vip IS NULL" }],
    [
      { tag: 'a', headers: { match: 'any', properties: { x: '1', y: '1' } } },
      { tag: 'b', headers: { match: 'any', properties: { x: '1', y: '1' } } },
    ],
  ])('succeeds for %j and %j', (a, b) => {
    expect(compileFilter(a).overlaps(compileFilter(b))).toBe(false);
    expect(compileFilter(b).overlaps(compileFilter(a))).toBe(false);
  });

  it.each<[FilterSpec, FilterSpec, Message]>([
    [{ tag: 'order.*.paid' }, { tag: 'order.#' }, { TAGS: 'order.books.paid' }],
    [{ tag: '*.paid' }, { tag: 'order.*' }, { TAGS: 'order.paid' }],
    [{ selector: 'amount >= 10' }, { selector: 'amount <= 10' }, { amount: '10' }],
    [{ selector: 'amount > 10' }, { selector: "region = 'eu'" }, { amount: '11', region: 'eu' }],
    [{ selector: "a = '3'" }, { selector: 'a = 3' }, { a: '3' }],
    [{ selector: "no STARTSWITH 'A'" }, { selector: "no ENDSWITH 'A'" }, { no: 'A' }],
    [{ tag: 'paid' }, { selector: "region = 'eu'" }, { TAGS: 'paid', region: 'eu' }],
    [
      { headers: { match: 'any', properties: { x: '1', y: '1' } } },
      { headers: { match: 'all', properties: { x: '2' } } },
      { x: '2', y: '1' },
    ],
  ])('fails for %j and %j, since %j passes both', (a, b, both) => {
    expect(matches(compileFilter(a), both)).toBe(true);
    expect(matches(compileFilter(b), both)).toBe(true);
    expect(compileFilter(a).overlaps(compileFilter(b))).toBe(true);
  });

  it('is never claimed of two filters that a message passes both', () => {
    const seen = { excluded: 0, met: 0 };
    const outcome = lookForBoth(overlaps, { numRuns: 4_000 }, seen);
    if (outcome.failed) throw new Error(fc.defaultReportMessage(outcome)!);
    // Were it never claimed, or were there never such messages, nothing would have been shown.
    expect(seen.excluded).toBeGreaterThan(200);
    expect(seen.met).toBeGreaterThan(400);
  });

  it('does not depend on which of the two is asked', () => {
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const [a, b] = [compileFilter(one), compileFilter(other)];
        expect(a.overlaps(b)).toBe(b.overlaps(a));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(Object.entries(MISTAKES))('is seen to be wrong when it %s', (_what, mistake) => {
    // With a seed of its own: a control must not depend on luck.
    expect(lookForBoth(mistake, { numRuns: 100_000, seed: 1, endOnFailure: true }).failed).toBe(true);
  });

  it('is given up, not searched for long, when there are too many ways to match', () => {
    const many = Array.from({ length: 9 }, (_, i) => `(p${i} = '1' OR p${i} = '2')`).join(' AND ');
    const long = Array.from({ length: 400 }, (_, i) => `a <> '${i}'`).join(' AND ');
    const either = Array.from({ length: 300 }, (_, i) => `a = '${i}'`).join(' OR ');
    const began = processorMillis();
    for (const [one, other] of [
      [many, many],
      [long, long],
      [either, either],
      [long, many],
    ] as const) {
      expect(compileFilter({ selector: one }).overlaps(compileFilter({ selector: other }))).toBe(true);
    }
    expect(processorMillis() - began).toBeLessThan(5_000);
  });
});
