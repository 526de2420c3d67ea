import { PropertyName } from '../property-names.js';
import { PropertySlots } from './property-values.js';
import { compileCondition, type Truth } from './sql/compile.js';
import { type CompareOperator, type Expression, isNumber } from './sql/syntax.js';
import type { TagFilter } from './tag.js';
import type { TagPattern } from './tag-pattern.js';

/** Numbers between two limits; an open limit is itself outside. */
export interface Interval {
  readonly low: number;
  readonly lowOpen: boolean;
  readonly high: number;
  readonly highOpen: boolean;
}

/** Something that is so of one property whenever the filter matches. */
export interface Atom {
  readonly property: string;
  /** Exactly which values fulfil it; undefined stands for a message without the property. */
  holds(value: string | undefined): boolean;
  /** Beside these no value fulfils it. */
  readonly finite?: readonly (string | undefined)[];
  /** As a number it lies in here. */
  readonly interval?: Interval;
  readonly prefix?: string;
  readonly suffix?: string;
  /** Whether it is the text `true`. */
  readonly truth?: boolean;
  readonly patterns?: readonly TagPattern[];
}

/** What the tag must be. */
export function tagAtom(tags: TagFilter): Atom {
  const atom = { property: PropertyName.TAGS, holds: (value: string | undefined) => tags.matches(value) };
  if (tags.patterns.length === 0) return { ...atom, finite: tags.tags };
  return tags.tags.length === 0 ? { ...atom, patterns: tags.patterns } : atom;
}

/** What the condition says of its property when it comes out as `wanted`. */
export function conditionAtom(condition: Expression, property: string, wanted: boolean): Atom {
  const slots = new PropertySlots();
  const compiled = compileCondition(condition, slots);
  const holds = (value: string | undefined): boolean => compiled({ get: () => value }) === wanted;
  const atom: Atom = { property, holds };
  switch (condition.kind) {
    case 'in':
      return condition.negated === wanted ? atom : { ...atom, finite: condition.values };
    case 'isNull':
      return wanted && condition.operand.kind === 'property' ? { ...atom, finite: [undefined] } : atom;
    case 'text':
      if (condition.negated || !wanted || condition.operand.kind !== 'property') return atom;
      if (condition.operator === 'STARTSWITH') return { ...atom, prefix: condition.search };
      return condition.operator === 'ENDSWITH' ? { ...atom, suffix: condition.search } : atom;
    case 'compare':
      return { ...atom, ...comparisonAtom(condition, wanted) };
    default:
      return atom;
  }
}

function comparisonAtom(
  { operator, left, right }: Extract<Expression, { kind: 'compare' }>,
  wanted: boolean,
): Partial<Atom> {
  const swapped = left.kind !== 'property';
  const value = swapped ? left : right;
  if ((swapped ? right : left).kind !== 'property') return {};
  if (value.kind === 'literal' && typeof value.value === 'string') return wanted ? { finite: [value.value] } : {};
  if (value.kind === 'literal' && typeof value.value === 'boolean') {
    return swapped ? {} : { truth: value.value === wanted };
  }
  const number = numberOf(value);
  if (number === undefined) return {};
  const turned = swapped ? TURNED[operator] : operator;
  const interval = intervalOf(wanted ? turned : OPPOSITE[turned], number);
  return interval === undefined ? {} : { interval };
}

const TURNED: Readonly<Record<CompareOperator, CompareOperator>> = {
  '=': '=',
  '>': '<',
  '>=': '<=',
  '<': '>',
  '<=': '>=',
};
const OPPOSITE: Readonly<Record<CompareOperator, CompareOperator | undefined>> = {
  '=': undefined,
  '>': '<=',
  '>=': '<',
  '<': '>=',
  '<=': '>',
};

function intervalOf(operator: CompareOperator | undefined, limit: number): Interval | undefined {
  switch (operator) {
    case '=':
      return { low: limit, lowOpen: false, high: limit, highOpen: false };
    case '>':
    case '>=':
      // NaN, which stands above all numbers, is inside as well.
      return { low: limit, lowOpen: operator === '>', high: Infinity, highOpen: false };
    case '<':
    case '<=':
      return { low: -Infinity, lowOpen: false, high: limit, highOpen: operator === '<' };
    case undefined:
      return undefined;
  }
}

/** Not of whole numbers beyond 2^53: compared as decimals they are rounded, so that limits would not be what they say. */
function numberOf(expression: Expression): number | undefined {
  if (expression.kind === 'literal') {
    const number = isNumber(expression.value) ? expression.value.value : undefined;
    return typeof number === 'number' ? number : undefined;
  }
  if (expression.kind !== 'negate') return undefined;
  const inner = numberOf(expression.operand);
  return inner === undefined ? undefined : -inner;
}

/** The properties that the condition speaks of. */
export function propertiesOf(expression: Expression, into = new Set<string>()): Set<string> {
  switch (expression.kind) {
    case 'property':
      return into.add(expression.name);
    case 'condition':
    case 'in':
      return into.add(expression.property);
    case 'and':
    case 'or':
      for (const operand of expression.operands) propertiesOf(operand, into);
      return into;
    case 'compare':
      propertiesOf(expression.left, into);
      return propertiesOf(expression.right, into);
    case 'negate':
    case 'not':
    case 'isNull':
    case 'text':
      return propertiesOf(expression.operand, into);
    case 'literal':
      return into;
  }
}

/** The outcome of a condition without properties. */
export function constantTruth(condition: Expression): Truth {
  return compileCondition(condition, new PropertySlots())({ get: () => undefined });
}
