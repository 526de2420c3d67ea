import { javaInt, javaLong } from './java-values.js';
import type { Token } from './lexer.js';
import { syntaxError } from './syntax-error.js';
import type { Literal } from './syntax.js';

/** The value of a token that is a string or a number, typed as RocketMQ types it. Throws BAD_ARGUMENT. */
export function literalOf(text: string, token: Token): Literal {
  if (token.kind === 'string') return token.text;
  if (token.kind === 'whole') {
    const digits = token.text.replace(/l$/i, '');
    const int = javaInt(digits);
    if (int !== undefined) return { type: 'int', value: int };
    const long = javaLong(digits);
    if (long !== undefined) return { type: 'long', value: long };
    throw syntaxError(text, token.at, `${digits} is beyond 64 bits`);
  }
  const value = Number(token.text);
  if (value > 0 && value !== Infinity) return { type: 'double', value };
  throw syntaxError(
    text,
    token.at,
    value === 0
      ? `RocketMQ takes no decimal that is zero; ${token.text} would have to be written 0, which compares whole numbers`
      : `${token.text} is too large for a decimal`,
  );
}
