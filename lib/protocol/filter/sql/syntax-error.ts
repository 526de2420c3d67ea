import { MessagingError } from '../../errors.js';

const SHOWN = 60;

/** What is wrong with an expression, and where. Positions count from 1. */
export function syntaxError(text: string, at: number, problem: string): MessagingError {
  const from = Math.max(0, at - SHOWN / 2);
  const shown = `${from > 0 ? '…' : ''}${text.slice(from, from + SHOWN)}${from + SHOWN < text.length ? '…' : ''}`;
  return new MessagingError('BAD_ARGUMENT', `SQL92 at character ${at + 1} of ${JSON.stringify(shown)}: ${problem}`);
}
