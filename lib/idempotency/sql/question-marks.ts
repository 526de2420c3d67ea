import { MessagingError } from '../../protocol/index.js';

/**
 * The statement with `?` for `$1`, `$2`, ...: what MySQL's and SQLite's clients understand. They take the values by place, so
 * a parameter that stood twice or out of order would silently get another one's value: that is refused.
 *
 * @publicApi
 */
export function questionMarks(text: string): string {
  let last = 0;
  return text.replace(/\$(\d+)/g, (parameter, number: string) => {
    if (Number(number) !== ++last)
      throw new MessagingError('BAD_ARGUMENT', `${parameter} stands where $${last} is due, in: ${text}`);
    return '?';
  });
}
