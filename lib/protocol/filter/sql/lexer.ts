import { syntaxError } from './syntax-error.js';

export type TokenKind = 'word' | 'property' | 'string' | 'whole' | 'decimal' | 'sign' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Keywords in capitals, strings without quotes, everything else as written. */
  readonly text: string;
  /** Where it begins. */
  readonly at: number;
}

/** Characters of one expression. RocketMQ has no limit; ours keeps a heartbeat from costing the broker seconds. */
export const LONGEST_EXPRESSION = 8_192;

const KEYWORDS: ReadonlySet<string> = new Set([
  'NOT',
  'AND',
  'OR',
  'BETWEEN',
  'IN',
  'TRUE',
  'FALSE',
  'NULL',
  'IS',
  'CONTAINS',
  'STARTSWITH',
  'ENDSWITH',
]);

// None of them can backtrack further than one token. A comment that nothing ends runs to the end of the text; RocketMQ
// reads its two dashes as signs then, and ignores what follows a complete expression.
const BLANK = /(?:[ \t\n\r\f]+|--[^\n\r]*|\/\*[^*]*\*+(?:[^*/][^*]*\*+)*\/)*/y;
const NAME = /[a-z_$][a-z0-9_$]*/iy;
const DECIMAL = /\d+\.\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+/iy;
const WHOLE = /0|[1-9]\d*l?/iy;
const STRING = /'(?:[^']|'')*'/y;
const SIGN = /<>|>=|<=|[=<>(),+-]/y;

/** Takes an expression apart; the last token is `end`. Throws BAD_ARGUMENT. */
export function tokensOf(text: string): Token[] {
  if (text.length > LONGEST_EXPRESSION) {
    throw syntaxError(
      text,
      LONGEST_EXPRESSION,
      `it has ${text.length} characters, ${LONGEST_EXPRESSION} are allowed; filter by fewer conditions`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  for (;;) {
    take(BLANK);
    const begin = at;
    if (at === text.length) {
      tokens.push({ kind: 'end', text: '', at });
      return tokens;
    }
    const name = take(NAME);
    if (name !== undefined) {
      const word = name.toUpperCase();
      if (KEYWORDS.has(word)) tokens.push({ kind: 'word', text: word, at: begin });
      else tokens.push({ kind: 'property', text: name, at: begin });
      continue;
    }
    const decimal = take(DECIMAL);
    if (decimal !== undefined) {
      tokens.push({ kind: 'decimal', text: decimal, at: begin });
      continue;
    }
    const whole = take(WHOLE);
    if (whole !== undefined) {
      tokens.push({ kind: 'whole', text: whole, at: begin });
      continue;
    }
    const string = take(STRING);
    if (string !== undefined) {
      tokens.push({ kind: 'string', text: string.slice(1, -1).replaceAll("''", "'"), at: begin });
      continue;
    }
    const sign = take(SIGN);
    if (sign === undefined) throw syntaxError(text, begin, strange(text[begin]!));
    tokens.push({ kind: 'sign', text: sign, at: begin });
  }
}

function strange(character: string): string {
  switch (character) {
    case "'":
      return "a string is not closed; it ends with ', and a ' inside is written ''";
    case '/':
      return 'a comment is not closed; it ends with */';
    case '"':
      return `strings stand in '…', not in "…"`;
    case '!':
      return 'unequal is written <>';
    default:
      return `${JSON.stringify(character)} means nothing here`;
  }
}
