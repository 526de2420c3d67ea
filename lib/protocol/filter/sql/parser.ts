import { compareDoubles, compareWholes } from './java-values.js';
import { tokensOf, type Token } from './lexer.js';
import { literalOf } from './literals.js';
import { syntaxError } from './syntax-error.js';
import {
  type CompareOperator,
  type Expression,
  isCondition,
  isNumber,
  type NumberLiteral,
  type TextOperator,
} from './syntax.js';

/** Nested parentheses, signs and NOTs, and comparisons chained to one another. */
const DEEPEST = 64;

const ORDERING: ReadonlySet<string> = new Set(['>', '>=', '<', '<=']);

/**
 * Reads an expression of RocketMQ's SQL92. Loosest first:
 *
 *     or         = and { OR and }
 *     and        = equality { AND equality }
 *     equality   = comparison { ( "=" | "<>" ) comparison | IS [NOT] NULL }
 *     comparison = unary { ( ">" | ">=" | "<" | "<=" ) unary
 *                        | [NOT] ( CONTAINS | STARTSWITH | ENDSWITH ) string
 *                        | [NOT] BETWEEN unary AND unary
 *                        | [NOT] IN "(" string { "," string } ")" }
 *     unary      = ( "+" | "-" | NOT ) unary | primary
 *     primary    = string | whole | decimal | TRUE | FALSE | NULL | property | "(" or ")"
 *
 * So NOT binds closer than a comparison: `NOT a = 'x'` compares NOT a. RocketMQ ignores whatever follows a complete
 * expression; here it is an error, since it is surely no wish to have half of a filter.
 *
 * Throws BAD_ARGUMENT saying what is wrong and where.
 */
export function parseSql(text: string): Expression {
  return new Parser(text).parse();
}

class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {
    this.tokens = tokensOf(text);
  }

  parse(): Expression {
    if (this.atEnd) throw this.error('it is empty; leave the filter out to get every message');
    const expression = this.condition(this.or());
    if (!this.atEnd) throw this.error(`${this.shown()} is one too many; join conditions by AND or OR`);
    return expression;
  }

  private or(): Expression {
    const first = this.and();
    if (!this.isWord('OR')) return first;
    const operands = [this.condition(first)];
    while (this.takeWord('OR')) operands.push(this.condition(this.and()));
    return { kind: 'or', operands };
  }

  private and(): Expression {
    const first = this.equality();
    if (!this.isWord('AND')) return first;
    const operands = [this.condition(first)];
    while (this.takeWord('AND')) operands.push(this.condition(this.equality()));
    return { kind: 'and', operands };
  }

  private equality(): Expression {
    let left = this.comparison();
    for (let links = 0; ; links++) {
      if (this.isSign('=') || this.isSign('<>')) {
        const unequal = this.next().text === '<>';
        const equal = this.equal(left, this.comparison());
        left = unequal ? { kind: 'not', operand: equal } : equal;
      } else if (this.takeWord('IS')) {
        const negated = this.takeWord('NOT');
        if (!this.takeWord('NULL')) throw this.error('after IS comes NULL or NOT NULL');
        left = { kind: 'isNull', operand: left };
        if (negated) left = { kind: 'not', operand: left };
      } else {
        return left;
      }
      this.checkDepth(links);
    }
  }

  private comparison(): Expression {
    let left = this.unary();
    for (let links = 0; ; links++) {
      const { kind, text } = this.token;
      if (kind === 'sign' && ORDERING.has(text)) {
        this.next();
        left = this.ordered(text as CompareOperator, left, this.unary());
      } else {
        const negated = this.isWord('NOT') && this.peek().kind === 'word';
        if (negated) this.next();
        const further = this.wordComparison(left, negated);
        if (further === undefined) {
          if (negated) throw this.error('after NOT comes BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH here');
          return left;
        }
        left = further;
      }
      this.checkDepth(links);
    }
  }

  private wordComparison(left: Expression, negated: boolean): Expression | undefined {
    const { kind, text } = this.token;
    if (kind !== 'word') return undefined;
    switch (text) {
      case 'CONTAINS':
      case 'STARTSWITH':
      case 'ENDSWITH':
        this.next();
        return {
          kind: 'text',
          operator: text satisfies TextOperator,
          operand: left,
          search: this.string(text),
          negated,
        };
      case 'BETWEEN':
        this.next();
        return this.between(left, negated);
      case 'IN':
        return this.in(left, negated);
      default:
        return undefined;
    }
  }

  private between(value: Expression, negated: boolean): Expression {
    const begin = this.at;
    const low = this.unary();
    if (!this.takeWord('AND')) throw this.error('between the two limits of BETWEEN stands AND');
    const high = this.unary();
    if (negated) {
      return { kind: 'or', operands: [this.ordered('<', value, low), this.ordered('>', value, high)] };
    }
    const operands = [this.ordered('>=', value, low), this.ordered('<=', value, high)];
    if (low.kind === 'literal' && high.kind === 'literal' && isNumber(low.value) && isNumber(high.value)) {
      if (compareNumbers(high.value, low.value) < 0) {
        throw this.error('the lower limit of BETWEEN comes first', this.tokens[begin]);
      }
    }
    return { kind: 'and', operands };
  }

  private in(left: Expression, negated: boolean): Expression {
    if (left.kind !== 'property') throw this.error('in front of IN stands the name of a property');
    this.next();
    if (!this.takeSign('(')) throw this.error("after IN comes a list like ('a', 'b')");
    const values = [this.string('IN (')];
    while (this.takeSign(',')) values.push(this.string(','));
    if (!this.takeSign(')')) throw this.error('the list of IN is not closed; a ")" is missing');
    return { kind: 'in', property: left.name, values, negated };
  }

  private unary(): Expression {
    if (this.depth >= DEEPEST) throw this.tooDeep();
    this.depth++;
    try {
      if (this.takeSign('+')) return this.unary();
      if (this.takeSign('-')) return { kind: 'negate', operand: this.unary() };
      if (this.takeWord('NOT')) return { kind: 'not', operand: this.condition(this.unary()) };
      return this.primary();
    } finally {
      this.depth--;
    }
  }

  private primary(): Expression {
    const token = this.token;
    switch (token.kind) {
      case 'string':
      case 'whole':
      case 'decimal':
        this.next();
        return { kind: 'literal', value: literalOf(this.text, token) };
      case 'property':
        this.next();
        return { kind: 'property', name: token.text };
      case 'word':
        if (this.takeWord('TRUE')) return { kind: 'literal', value: true };
        if (this.takeWord('FALSE')) return { kind: 'literal', value: false };
        if (this.takeWord('NULL')) return { kind: 'literal', value: null };
        break;
      case 'sign':
        if (this.takeSign('(')) {
          const inner = this.or();
          if (!this.takeSign(')')) throw this.error(`${this.shown()} stands where a ")" is missing`);
          return inner;
        }
        break;
      case 'end':
        break;
    }
    throw this.error(`${this.shown()} stands where a property, a value or "(" is expected`);
  }

  private equal(left: Expression, right: Expression): Expression {
    for (const side of [left, right]) {
      if (side.kind === 'literal' && side.value === null) throw this.error('nothing equals NULL; write IS NULL');
    }
    if (left.kind === 'literal' && right.kind === 'literal' && isCondition(left) && !isCondition(right)) {
      throw this.error('a truth value cannot be compared with this value');
    }
    return { kind: 'compare', operator: '=', left, right };
  }

  private ordered(operator: CompareOperator, left: Expression, right: Expression): Expression {
    for (const side of [left, right]) {
      const wrong = side.kind === 'literal' ? !isNumber(side.value) : isCondition(side);
      if (wrong) throw this.error(`only numbers and properties can stand beside ${operator} and with BETWEEN`);
    }
    return { kind: 'compare', operator, left, right };
  }

  private condition(expression: Expression): Expression {
    if (isCondition(expression)) return expression;
    if (expression.kind === 'property') return { kind: 'condition', property: expression.name };
    throw this.error('a condition is wanted, and this is a value; compare it with something');
  }

  private string(after: string): string {
    if (this.token.kind !== 'string') throw this.error(`after ${after} comes a string in '…'`);
    return this.next().text;
  }

  private get token(): Token {
    return this.tokens[this.at]!;
  }

  private get atEnd(): boolean {
    return this.token.kind === 'end';
  }

  private peek(): Token {
    return this.tokens[Math.min(this.at + 1, this.tokens.length - 1)]!;
  }

  private next(): Token {
    return this.tokens[this.at++]!;
  }

  private isWord(word: string): boolean {
    return this.token.kind === 'word' && this.token.text === word;
  }

  private isSign(sign: string): boolean {
    return this.token.kind === 'sign' && this.token.text === sign;
  }

  private takeWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.at++;
    return true;
  }

  private takeSign(sign: string): boolean {
    if (!this.isSign(sign)) return false;
    this.at++;
    return true;
  }

  private shown(): string {
    const { kind, text } = this.token;
    return kind === 'end' ? 'the end' : JSON.stringify(text);
  }

  private checkDepth(links: number): void {
    if (links >= DEEPEST) throw this.tooDeep();
  }

  private tooDeep(): Error {
    return this.error(`it is nested more than ${DEEPEST} levels deep; write it flatter`);
  }

  private error(problem: string, token = this.token): Error {
    return syntaxError(this.text, token.at, problem);
  }
}

function compareNumbers(a: NumberLiteral, b: NumberLiteral): number {
  return a.type === 'double' || b.type === 'double'
    ? compareDoubles(Number(a.value), Number(b.value))
    : compareWholes(a.value, b.value);
}
