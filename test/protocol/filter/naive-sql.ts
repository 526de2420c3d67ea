// SQL92 a second time, as plainly as it can be written: trees that are walked, values that are boxed as in Java, failures
// that are thrown. It shares nothing with lib.

type Int = { t: 'Integer'; v: bigint };
type Long = { t: 'Long'; v: bigint };
type Double = { t: 'Double'; v: number };
type Text = { t: 'String'; v: string };
type Bool = { t: 'Boolean'; v: boolean };
type Boxed = Int | Long | Double | Text | Bool;

export type Node =
  | ['property', string]
  | ['text', string]
  | ['whole', string]
  | ['decimal', string]
  | ['true']
  | ['false']
  | ['minus', Node]
  | ['and' | 'or' | '=' | '<>' | '<' | '<=' | '>' | '>=', Node, Node]
  | ['not' | 'is null' | 'is not null', Node]
  | ['between' | 'not between', Node, Node, Node]
  | ['in' | 'not in', string, readonly string[]]
  | ['contains' | 'startswith' | 'endswith' | 'not contains' | 'not startswith' | 'not endswith', Node, string];

class Incomparable extends Error {}

export function render(node: Node): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  switch (node[0]) {
    case 'property':
    case 'whole':
    case 'decimal':
      return node[1];
    case 'text':
      return quoted(node[1]);
    case 'true':
    case 'false':
      return node[0];
    case 'minus':
      return `-${operand(node[1])}`;
    case 'not':
      return `NOT (${render(node[1])})`;
    case 'is null':
    case 'is not null':
      return `${operand(node[1])} ${node[0]}`;
    case 'between':
    case 'not between':
      return `${operand(node[1])} ${node[0]} ${operand(node[2])} and ${operand(node[3])}`;
    case 'in':
    case 'not in':
      return `${node[1]} ${node[0]} (${node[2].map(quoted).join(', ')})`;
    case 'and':
    case 'or':
      return `${operand(node[1])} ${node[0].toUpperCase()} ${operand(node[2])}`;
    case '=':
    case '<>':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return `${operand(node[1])}${node[0]}${operand(node[2])}`;
    default:
      return `${operand(node[1])} ${node[0]} ${quoted(node[2])}`;
  }
}

function operand(node: Node): string {
  return ['property', 'text', 'whole', 'decimal', 'true', 'false'].includes(node[0])
    ? render(node)
    : `(${render(node)})`;
}

const LEVELS: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  ...{ '=': 3, '<>': 3, 'is null': 3, 'is not null': 3 },
  ...{ not: 5, minus: 5 },
  ...{ property: 6, text: 6, whole: 6, decimal: 6, true: 6, false: 6 },
};
/** Everything else: `<`, BETWEEN, IN and so on. */
const COMPARISON = 4;

/** With no parentheses but those that the grammar needs. */
export function renderBare(node: Node): string {
  const level = (of: Node): number => LEVELS[of[0]] ?? COMPARISON;
  const at = (least: number, of: Node): string => (level(of) < least ? `(${renderBare(of)})` : renderBare(of));
  const own = level(node);
  switch (node[0]) {
    case 'minus':
      return `- ${at(own, node[1])}`;
    case 'not':
      return `NOT ${at(own, node[1])}`;
    case 'is null':
    case 'is not null':
      return `${at(own, node[1])} ${node[0]}`;
    case 'between':
    case 'not between':
      return `${at(own, node[1])} ${node[0]} ${at(own + 1, node[2])} and ${at(own + 1, node[3])}`;
    case 'and':
    case 'or':
    case '=':
    case '<>':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return `${at(own, node[1])} ${node[0]} ${at(own + 1, node[2])}`;
    case 'property':
    case 'text':
    case 'whole':
    case 'decimal':
    case 'true':
    case 'false':
    case 'in':
    case 'not in':
      return render(node);
    default:
      return `${at(own, node[1])} ${node[0]} ${render(['text', node[2]])}`;
  }
}

/** True, false, null; 'fails' where Java throws. */
export function naive(node: Node, properties: Readonly<Record<string, string>>): boolean | null | 'fails' {
  try {
    const value = condition(node, properties);
    return value;
  } catch (error) {
    if (error instanceof Incomparable) return 'fails';
    throw error;
  }
}

function condition(node: Node, properties: Readonly<Record<string, string>>): boolean | null {
  const value = boxed(node, properties);
  if (value === null) return null;
  return value.t === 'Boolean' ? value.v : false;
}

const bool = (v: boolean | null): Bool | null => (v === null ? null : { t: 'Boolean', v });

function boxed(node: Node, p: Readonly<Record<string, string>>): Boxed | null {
  switch (node[0]) {
    case 'property': {
      const value = p[node[1]];
      return value === undefined ? null : { t: 'String', v: value };
    }
    case 'text':
      return { t: 'String', v: node[1] };
    case 'whole': {
      const v = BigInt(node[1]);
      return v <= 2147483647n ? { t: 'Integer', v } : { t: 'Long', v };
    }
    case 'decimal':
      return { t: 'Double', v: Number(node[1]) };
    case 'true':
      return bool(true);
    case 'false':
      return bool(false);
    case 'minus': {
      const value = boxed(node[1], p);
      if (value === null || value.t === 'String' || value.t === 'Boolean') return null;
      return { ...value, v: -value.v } as Boxed;
    }
    case 'and': {
      const left = condition(node[1], p);
      if (left === false) return bool(false);
      const right = condition(node[2], p);
      if (right === false) return bool(false);
      return bool(left === null || right === null ? null : true);
    }
    case 'or': {
      const left = condition(node[1], p);
      if (left === true) return bool(true);
      const right = condition(node[2], p);
      if (right === true) return bool(true);
      return bool(left === null || right === null ? null : false);
    }
    case 'not': {
      const value = condition(node[1], p);
      return bool(value === null ? null : !value);
    }
    case 'is null':
      return bool(boxed(node[1], p) === null);
    case 'is not null':
      return bool(boxed(node[1], p) !== null);
    case '=':
      return bool(equal(boxed(node[1], p), boxed(node[2], p)));
    case '<>': {
      const same = equal(boxed(node[1], p), boxed(node[2], p));
      return bool(same === null ? null : !same);
    }
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const left = boxed(node[1], p);
      return bool(left === null ? null : ordered(node[0], left, boxed(node[2], p)));
    }
    case 'between':
      return boxed(['and', ['>=', node[1], node[2]], ['<=', node[1], node[3]]], p);
    case 'not between':
      return boxed(['or', ['<', node[1], node[2]], ['>', node[1], node[3]]], p);
    case 'in':
    case 'not in': {
      const value = p[node[1]];
      return bool(value === undefined ? null : node[2].includes(value) === (node[0] === 'in'));
    }
    default: {
      const search = node[2];
      if (search === '') return bool(false);
      const value = boxed(node[1], p);
      if (value === null || value.t !== 'String') return bool(false);
      const at = value.v.indexOf(search);
      const verb = node[0].replace('not ', '');
      const has =
        verb === 'contains'
          ? at >= 0
          : verb === 'startswith'
            ? at === 0
            : value.v.length >= search.length && value.v.slice(-search.length) === search;
      return bool(node[0].startsWith('not ') ? !has : has);
    }
  }
}

function equal(left: Boxed | null, right: Boxed | null): boolean | null {
  if (left === null && right === null) return true;
  if (left === null) return null;
  if (right === null) return false;
  if (left.t === 'String' && right.t === 'String') return left.v === right.v;
  return order(left, right) === 0;
}

function ordered(operator: '<' | '<=' | '>' | '>=', left: Boxed, right: Boxed | null): boolean | null {
  if (right === null) return null;
  const both = left.t === 'String' && right.t === 'String';
  const answer = both ? order(toDouble(left.v), toDouble(right.v)) : order(left, right);
  return { '<': answer < 0, '<=': answer <= 0, '>': answer > 0, '>=': answer >= 0 }[operator];
}

function order(left: Boxed, right: Boxed): number {
  if (left.t === 'Boolean') {
    if (right.t === 'String') throw new Incomparable();
    return right.t === 'Boolean' ? Number(left.v) - Number(right.v) : -1;
  }
  if (right.t === 'Boolean') {
    return left.t === 'String' ? Number(left.v.toLowerCase() === 'true') - Number(right.v) : -1;
  }
  if (left.t === 'String' && right.t === 'String') return left.v < right.v ? -1 : left.v > right.v ? 1 : 0;
  if (left.t === 'String') return order(like(right, left.v), right);
  if (right.t === 'String') return order(left, like(left, right.v));
  if (left.t === 'Double' || right.t === 'Double') {
    const a = Number(left.v);
    const b = Number(right.v);
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    if (a === b) return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
    return a < b ? -1 : 1;
  }
  return left.v < right.v ? -1 : left.v > right.v ? 1 : 0;
}

function like(other: Boxed, text: string): Boxed {
  if (other.t === 'Double') return toDouble(text);
  if (!/^[+-]?[0-9]+$/.test(text)) throw new Incomparable();
  const v = BigInt(text.replace(/^\+/, ''));
  const bits = other.t === 'Integer' ? 32 : 64;
  if (BigInt.asIntN(bits, v) !== v) throw new Incomparable();
  return { t: other.t, v } as Boxed;
}

function toDouble(text: string): Double {
  const trimmed = text.replace(/^ +| +$/g, '');
  const plain = /^[+-]?(NaN|Infinity)$/.test(trimmed) || /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[fd]?$/i.test(trimmed);
  if (!plain) throw new Incomparable();
  return { t: 'Double', v: Number(trimmed.replace(/(\d|\.)[fd]$/i, '$1')) };
}
