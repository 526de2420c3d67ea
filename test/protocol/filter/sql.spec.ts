import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MessagingError } from '../../../lib/protocol/index.js';
import { PropertySlots } from '../../../lib/protocol/filter/property-values.js';
import { compileCondition } from '../../../lib/protocol/filter/sql/compile.js';
import { parseSql } from '../../../lib/protocol/filter/sql/parser.js';
import { type Expression, isNumber } from '../../../lib/protocol/filter/sql/syntax.js';
import { naive, render, renderBare } from './naive-sql.js';
import { conditions, values } from './sql-arbitraries.js';

type Properties = Readonly<Record<string, string>>;

type Change = (expression: Expression) => Expression;

function evaluate(sql: string, properties: Properties = {}, change: Change = (same) => same): boolean | null | 'fails' {
  const slots = new PropertySlots();
  const condition = compileCondition(change(parseSql(sql)), slots);
  const truth = condition({ get: (slot) => properties[slots.names[slot]!] });
  return truth === undefined ? 'fails' : truth;
}

function problemOf(sql: string): string {
  try {
    parseSql(sql);
  } catch (error) {
    expect(error).toBeInstanceOf(MessagingError);
    expect((error as MessagingError).code).toBe('BAD_ARGUMENT');
    return (error as Error).message;
  }
  throw new Error(`${sql} was accepted`);
}

/** An engine with one mistake each, made of the right one by changing what was parsed. */
const MISTAKES: Readonly<Record<string, Change>> = {
  'BETWEEN, >= and <= leave out the limit': (node) =>
    node.kind === 'compare' && node.operator !== '='
      ? { ...node, operator: node.operator.slice(0, 1) as '<' | '>' }
      : node,
  'a comparison with what is missing is false': (node) =>
    node.kind === 'compare' ? { kind: 'and', operands: [node, notNull(node)] } : node,
  'whole numbers are compared as decimals': (node) =>
    node.kind === 'literal' && isNumber(node.value) && node.value.type !== 'double'
      ? { kind: 'literal', value: { type: 'double', value: Number(node.value.value) } }
      : node,
  'numbers are compared as texts': (node) =>
    node.kind === 'literal' && isNumber(node.value) ? { kind: 'literal', value: String(node.value.value) } : node,
  'NOT IN takes what is missing': (node) =>
    node.kind === 'in' && node.negated
      ? { kind: 'not', operand: { kind: 'and', operands: [has(node.property), { ...node, negated: false }] } }
      : node,
  'ENDSWITH means CONTAINS': (node) =>
    node.kind === 'text' && node.operator === 'ENDSWITH' ? { ...node, operator: 'CONTAINS' } : node,
  'OR goes on after a value that cannot be compared': (node) =>
    node.kind === 'or' ? { ...node, operands: node.operands.toReversed() } : node,
};

function notNull(operand: Expression): Expression {
  return { kind: 'not', operand: { kind: 'isNull', operand } };
}

function has(name: string): Expression {
  return notNull({ kind: 'property', name });
}

/** Makes the change in all of a tree, from its leaves up. */
function everywhere(change: Change): Change {
  const inner: Change = (node) => {
    switch (node.kind) {
      case 'and':
      case 'or':
        return change({ ...node, operands: node.operands.map(inner) });
      case 'compare':
        return change({ ...node, left: inner(node.left), right: inner(node.right) });
      case 'not':
      case 'negate':
      case 'isNull':
      case 'text':
        return change({ ...node, operand: inner(node.operand) });
      default:
        return change(node);
    }
  };
  return inner;
}

/** A control must not depend on luck: with this one each mistake is met. */
const CONTROL_SEED = 1;

describe('SQL92', () => {
  it.each<[string, Properties, boolean | null | 'fails']>([
    ["region = 'eu'", { region: 'eu' }, true],
    ["region = 'eu'", { region: 'us' }, false],
    ["region = 'eu'", {}, null],
    ["region <> 'eu'", {}, null],
    ["'eu' <> region", {}, true],
    ['a = b', {}, true],
    ['a = b', { a: '3.14', b: '3.14' }, true],
    ['a > 3', { a: '4' }, true],
    ['a > 3', { a: '3.5' }, 'fails'],
    ['a > 3.0', { a: '3.5' }, true],
    ['a > 3', { a: '3000000000' }, 'fails'],
    ['a > 3000000000', { a: '3000000001' }, true],
    ['a = 9007199254740993', { a: '9007199254740992' }, false],
    ['a = 9007199254740993', { a: '9007199254740993' }, true],
    ['3 < a', { a: '4' }, true],
    ['a > b', { a: '20', b: '10' }, true],
    ['a > b', { a: 'x', b: '10' }, 'fails'],
    ['a between 1 and 10', { a: '10' }, true],
    ['a not between 1 and 10', { a: '11' }, true],
    ['a between -5 and -1', { a: '-3' }, true],
    ["a in ('x', 'y')", { a: 'y' }, true],
    ["a not in ('x', 'y')", { a: 'z' }, true],
    ["a not in ('x', 'y')", {}, null],
    ['a is null', {}, true],
    ['a is not null', { a: 'x' }, true],
    ['a = TRUE', { a: 'TrUe' }, true],
    ['a = FALSE', { a: 'no' }, true],
    ['TRUE = a', { a: 'true' }, 'fails'],
    ['a', { a: 'true' }, false],
    ["NOT a = 'x'", { a: 'x' }, 'fails'],
    ["NOT (a = 'x')", { a: 'y' }, true],
    ["a contains 'b'", { a: 'abc' }, true],
    ["a not contains 'b'", {}, false],
    ["a startswith ''", { a: 'abc' }, false],
    ["a endswith 'bc'", { a: 'abc' }, true],
    ["TAGS = 'it''s'", { TAGS: "it's" }, true],
    ["a > 3 OR b = 'x'", { a: 'many', b: 'x' }, 'fails'],
    ["b = 'x' OR a > 3", { a: 'many', b: 'x' }, true],
    ["b = 'y' AND a > 3", { a: 'many', b: 'x' }, false],
    ['a = 1 AND b = 2', { a: '1' }, null],
    ['a = 1 AND b = 2', { b: '3' }, false],
    ['a = 1 OR b = 2', { b: '2' }, true],
    ['a > 3.1E10', { a: '31415000000' }, true],
    ['(a = 1) = TRUE', { a: '1' }, true],
    ['a = 1 -- a comment\n AND /* another */ b = 2', { a: '1', b: '2' }, true],
    ['+ a = 1', { a: '1' }, true],
    ["a = '1'", { a: '1' }, true],
    ['a=5and b=6', { a: '5', b: '6' }, true],
    ['$x_1 = 5L', { $x_1: '5' }, true],
    ['a > .5', { a: ' 0.75 ' }, true],
    ['a > 0.5', { a: '0.75f' }, true],
  ])('%s of %j is %s', (sql, properties, outcome) => {
    expect(evaluate(sql, properties)).toBe(outcome);
  });

  it.each<[string, string]>([
    ['', 'it is empty'],
    ['a = NULL', 'IS NULL'],
    ["a > 'x'", 'only numbers'],
    ['a between 10 and 1', 'lower limit'],
    ["3 in ('x')", 'name of a property'],
    ['a in (3)', "a string in '…'"],
    ['a contains b', "a string in '…'"],
    ["a like 'x%'", 'one too many'],
    ['a = 1 b = 2', 'one too many'],
    ['a = 1)', 'one too many'],
    ["a = 'x", 'not closed'],
    ['a = "x"', "'…'"],
    ['a != 1', '<>'],
    ['3', 'a condition'],
    ["'x'", 'a condition'],
    ['a > 0.0', 'written 0'],
    ['a = 99999999999999999999', 'beyond 64 bits'],
    ['a > 1e999', 'too large'],
    ['TRUE = 3', 'truth value'],
    ['a is 3', 'NULL or NOT NULL'],
    ['a not null', 'after NOT'],
    ['(a = 1', '")"'],
    ['a = /* x', 'comment'],
    ["a = 'x' AND", 'the end'],
    ['a = 1 + 2', 'one too many'],
    ['a = 007', 'one too many'],
  ])('refuses %s', (sql, problem) => {
    expect(problemOf(sql)).toContain(problem);
  });

  it('says where it stopped understanding', () => {
    expect(problemOf('region = eu AND !vip')).toContain('at character 17');
  });

  it('is bounded in length and depth', () => {
    expect(problemOf(`a = '${'x'.repeat(9_000)}'`)).toContain('8192 are allowed');
    expect(problemOf(`${'('.repeat(2_000)}a = 1${')'.repeat(2_000)}`)).toContain('64 levels');
    expect(problemOf(`${'NOT '.repeat(2_000)}a`)).toContain('64 levels');
    expect(problemOf(`a${' = a'.repeat(1_000)}`)).toContain('64 levels');
    expect(problemOf(`a ${'IS NULL '.repeat(1_000)}`)).toContain('64 levels');
    expect(evaluate(`${'a = 1 OR '.repeat(900)}b = 1`, { b: '1' })).toBe(true);
    expect(evaluate(`${'('.repeat(60)}a = 1${')'.repeat(60)}`, { a: '1' })).toBe(true);
  });

  it('evaluates as a plain interpreter does', () => {
    fc.assert(
      fc.property(conditions, values, (node, properties) => {
        expect(evaluate(render(node), properties)).toBe(naive(node, properties));
      }),
      { numRuns: 10_000 },
    );
  });

  it('knows which operator binds closer, so that a tree without spare parentheses means the same', () => {
    fc.assert(
      fc.property(conditions, values, (node, properties) => {
        expect(evaluate(renderBare(node), properties)).toBe(naive(node, properties));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(Object.entries(MISTAKES))('the comparison notices that %s', (_what, mistake) => {
    const outcome = fc.check(
      fc.property(conditions, values, (node, properties) => {
        return evaluate(render(node), properties, everywhere(mistake)) === naive(node, properties);
      }),
      { numRuns: 20_000, seed: CONTROL_SEED, endOnFailure: true },
    );
    expect(outcome.failed).toBe(true);
  });

  it('is bounded at 64 levels, whatever they consist of', () => {
    const nestings: [string, (levels: number) => string, number][] = [
      ['parentheses', (levels) => `${'('.repeat(levels)}a = 1${')'.repeat(levels)}`, 63],
      ['NOT', (levels) => `${'NOT '.repeat(levels)}a`, 63],
      ['signs', (levels) => `a = ${'- '.repeat(levels)}1`, 63],
      ['comparisons', (levels) => `a${' = a'.repeat(levels)}`, 64],
      ['IS NULL', (levels) => `a${' IS NULL'.repeat(levels)}`, 64],
    ];
    for (const [, nest, deepest] of nestings) {
      expect(() => parseSql(nest(deepest))).not.toThrow();
      expect(problemOf(nest(deepest + 1))).toContain('64 levels');
    }
  });

  it('takes keywords in any case, and blanks and comments anywhere between tokens', () => {
    fc.assert(
      fc.property(
        conditions,
        values,
        fc.infiniteStream(fc.constantFrom(' ', '\n', '\t ', '/* x */', '-- x\n')),
        (node, properties, blanks) => {
          const sql = render(node);
          const spread = sql
            .split(/('(?:[^']|'')*'| )/)
            .map((part) => (part === ' ' ? blanks.next().value : part))
            .join('');
          expect(evaluate(spread, properties)).toBe(naive(node, properties));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('refuses garbage with BAD_ARGUMENT and nothing else', () => {
    const word = fc.constantFrom(
      ...["'x'", '(', ')', 'a', 'b', 'NOT', 'AND', 'OR', 'IN', 'IS', 'NULL', 'BETWEEN', 'CONTAINS', 'TRUE', '1', '2.5'],
      ...['=', '<>', '<', '>=', '+', '-', ',', '--', '/*', '*/', "'", '\n', '0', '1e9', '9'.repeat(30), '\u0000', 'é'],
    );
    const garbage = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.array(word, { maxLength: 200 }).map((words) => words.join(' ')),
      fc.array(word, { maxLength: 200 }).map((words) => words.join('')),
    );
    fc.assert(
      fc.property(garbage, (sql) => {
        try {
          parseSql(sql);
        } catch (error) {
          expect(error).toBeInstanceOf(MessagingError);
          expect((error as MessagingError).code).toBe('BAD_ARGUMENT');
          expect((error as Error).message.length).toBeLessThan(1_000);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
