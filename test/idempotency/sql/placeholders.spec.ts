import { describe, expect, it } from '@jest/globals';
import { answersRows, onlyReads, placeholders } from '../../../lib/idempotency/sql/sql-values.js';

describe('parameters for clients that count them by place', () => {
  it('become question marks, also beyond the ninth', () => {
    const many = Array.from({ length: 12 }, (_, index) => `$${index + 1}`).join(', ');
    expect(placeholders(`SELECT ${many}`)).toBe(`SELECT ${Array<string>(12).fill('?').join(', ')}`);
    expect(placeholders('SELECT 1')).toBe('SELECT 1');
  });

  it.each(['SELECT $2', 'SELECT $1, $1', 'SELECT $1, $3', 'SELECT $2, $1', 'SELECT $0'])(
    'are refused where the values would go to the wrong ones: %s',
    (text) => expect(() => placeholders(text)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' })),
  );
});

describe('a statement', () => {
  it.each([
    ['SELECT a FROM t FOR UPDATE', true, true],
    ['\n  values (1)', true, true],
    ['INSERT INTO t VALUES (1)\nRETURNING a', true, false],
    ['DELETE FROM t', false, false],
    ['UPDATE t SET selected = 1', false, false],
    ['CREATE TABLE returning_goods (a int)', false, false],
  ])('has rows and reads only, or not: %s', (text, rows, reads) => {
    expect([answersRows(text), onlyReads(text)]).toEqual([rows, reads]);
  });
});
