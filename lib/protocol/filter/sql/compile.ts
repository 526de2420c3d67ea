import type { PropertySlots, PropertyValues } from '../property-values.js';
import { comparatorOf, type Value, type ValueType } from './compare.js';
import { type CompareOperator, type Expression, isNumber, type Literal } from './syntax.js';

/** The outcome of a condition: null is SQL's unknown, undefined that the message's values cannot be compared so. */
export type Truth = boolean | null | undefined;
export type Condition = (values: PropertyValues) => Truth;

/** What yields a value; the type is known beforehand, since properties are strings. */
interface Operand {
  readonly type: ValueType;
  readonly evaluate: (values: PropertyValues) => Value;
}

/**
 * Makes a chain of closures of a tree. RocketMQ's meaning, with what follows from it: a message without the property
 * makes a comparison unknown, an unknown whole is no match; a value that cannot be compared (`'abc' > 3`) ends the
 * evaluation, unless AND or OR was decided before it, and is no match either.
 */
export function compileCondition(expression: Expression, slots: PropertySlots): Condition {
  const compile = (inner: Expression): Condition => compileCondition(inner, slots);
  switch (expression.kind) {
    case 'and':
      return all(expression.operands.map(compile));
    case 'or':
      return any(expression.operands.map(compile));
    case 'not':
      return not(compile(expression.operand));
    case 'compare':
      return comparison(
        expression.operator,
        compileOperand(expression.left, slots),
        compileOperand(expression.right, slots),
      );
    case 'isNull': {
      const { evaluate } = compileOperand(expression.operand, slots);
      return (values) => {
        const value = evaluate(values);
        return value === undefined ? undefined : value === null;
      };
    }
    case 'in': {
      const slot = slots.numberOf(expression.property);
      const { negated } = expression;
      const wanted = new Set(expression.values);
      return (values) => {
        const value = values.get(slot);
        return value === undefined ? null : wanted.has(value) !== negated;
      };
    }
    case 'text':
      return textCondition(expression, compileOperand(expression.operand, slots));
    case 'condition': {
      // A property is a string and no truth value, so it is never true.
      const slot = slots.numberOf(expression.property);
      return (values) => (values.get(slot) === undefined ? null : false);
    }
    case 'literal': {
      const constant = expression.value as boolean | null;
      return () => constant;
    }
    case 'property':
    case 'negate':
      throw new TypeError(`${expression.kind} is no condition`);
  }
}

function compileOperand(expression: Expression, slots: PropertySlots): Operand {
  switch (expression.kind) {
    case 'property': {
      const slot = slots.numberOf(expression.name);
      return { type: 'string', evaluate: (values) => values.get(slot) ?? null };
    }
    case 'literal':
      return constant(expression.value);
    case 'negate':
      return negated(compileOperand(expression.operand, slots));
    default:
      return { type: 'boolean', evaluate: compileCondition(expression, slots) };
  }
}

function constant(literal: Literal): Operand {
  if (isNumber(literal)) {
    const { type, value } = literal;
    return { type, evaluate: () => value };
  }
  return { type: typeof literal === 'string' ? 'string' : 'boolean', evaluate: () => literal };
}

/** Only numbers have a negative; what else is negated is unknown. */
function negated({ type, evaluate }: Operand): Operand {
  if (type === 'string' || type === 'boolean') {
    return { type, evaluate: (values) => (evaluate(values) === undefined ? undefined : null) };
  }
  const value = evaluate(NOTHING) as number | bigint;
  // A whole number has no -0.
  const opposite = value === 0 && type !== 'double' ? 0 : -value;
  return { type, evaluate: () => opposite };
}

const NOTHING: PropertyValues = { get: () => undefined };

function comparison(operator: CompareOperator, left: Operand, right: Operand): Condition {
  const compare = comparatorOf(left.type, right.type, operator === '=');
  const holds = HOLDS[operator];
  const a = left.evaluate;
  const b = right.evaluate;
  if (operator === '=') {
    return (values) => {
      const x = a(values);
      if (x === undefined) return undefined;
      const y = b(values);
      if (y === undefined) return undefined;
      // Not symmetrical, as in RocketMQ: a missing left side is unknown, a missing right side unequal, both are equal.
      if (x === null) return y === null ? true : null;
      if (y === null) return false;
      const order = compare(x, y);
      return order === undefined ? undefined : order === 0;
    };
  }
  return (values) => {
    const x = a(values);
    if (x === undefined || x === null) return x;
    const y = b(values);
    if (y === undefined || y === null) return y;
    const order = compare(x, y);
    return order === undefined ? undefined : holds(order);
  };
}

const HOLDS: Readonly<Record<CompareOperator, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
};

function textCondition(
  { operator, search, negated }: Extract<Expression, { kind: 'text' }>,
  { evaluate }: Operand,
): Condition {
  // Nothing contains the empty string, and nothing lacks it.
  if (search === '') return () => false;
  const has = TEXT[operator];
  return (values) => {
    const value = evaluate(values);
    if (value === undefined) return undefined;
    return typeof value === 'string' && has(value, search) !== negated;
  };
}

const TEXT = {
  CONTAINS: (value: string, search: string) => value.includes(search),
  STARTSWITH: (value: string, search: string) => value.startsWith(search),
  ENDSWITH: (value: string, search: string) => value.endsWith(search),
} as const;

function all(conditions: readonly Condition[]): Condition {
  return (values) => {
    let outcome: Truth = true;
    for (const condition of conditions) {
      const truth = condition(values);
      if (truth === false || truth === undefined) return truth;
      if (truth === null) outcome = null;
    }
    return outcome;
  };
}

function any(conditions: readonly Condition[]): Condition {
  return (values) => {
    let outcome: Truth = false;
    for (const condition of conditions) {
      const truth = condition(values);
      if (truth === true || truth === undefined) return truth;
      if (truth === null) outcome = null;
    }
    return outcome;
  };
}

function not(condition: Condition): Condition {
  return (values) => {
    const truth = condition(values);
    return truth === true ? false : truth === false ? true : truth;
  };
}
