/** A number as RocketMQ types it: what a property is converted to before it is compared. */
export interface NumberLiteral {
  readonly type: 'int' | 'long' | 'double';
  /** A `long` beyond 2^53 is a bigint. */
  readonly value: number | bigint;
}

export type Literal = NumberLiteral | string | boolean | null;

export type TextOperator = 'CONTAINS' | 'STARTSWITH' | 'ENDSWITH';
export type CompareOperator = '=' | '>' | '>=' | '<' | '<=';

/** An expression as a tree. `<>` is NOT =, BETWEEN is two comparisons, IS NOT NULL is NOT of IS NULL. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'negate'; readonly operand: Expression }
  | { readonly kind: 'not'; readonly operand: Expression }
  /** A property that stands where a condition is wanted. */
  | { readonly kind: 'condition'; readonly property: string }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }
  | {
      readonly kind: 'compare';
      readonly operator: CompareOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'isNull'; readonly operand: Expression }
  | { readonly kind: 'in'; readonly property: string; readonly values: readonly string[]; readonly negated: boolean }
  | {
      readonly kind: 'text';
      readonly operator: TextOperator;
      readonly operand: Expression;
      readonly search: string;
      readonly negated: boolean;
    };

/** Whether it yields true, false or null. TRUE, FALSE and NULL do. */
export function isCondition(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return expression.value === null || typeof expression.value === 'boolean';
    case 'property':
    case 'negate':
      return false;
    default:
      return true;
  }
}

export function isNumber(literal: Literal): literal is NumberLiteral {
  return typeof literal === 'object' && literal !== null;
}
