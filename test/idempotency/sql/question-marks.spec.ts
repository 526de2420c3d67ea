import { describe, expect, it } from '@jest/globals';
import { questionMarks } from '../../../lib/idempotency/sql/question-marks.js';

describe('parameters for clients that count them by place', () => {
  it('become question marks, also beyond the ninth', () => {
    const many = Array.from({ length: 12 }, (_, index) => `$${index + 1}`).join(', ');
    expect(questionMarks(`SELECT ${many}`)).toBe(`SELECT ${Array<string>(12).fill('?').join(', ')}`);
    expect(questionMarks('SELECT 1')).toBe('SELECT 1');
  });

  it.each(['SELECT $2', 'SELECT $1, $1', 'SELECT $1, $3', 'SELECT $2, $1', 'SELECT $0'])(
    'are refused where the values would go to the wrong ones: %s',
    (text) => expect(() => questionMarks(text)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' })),
  );
});
