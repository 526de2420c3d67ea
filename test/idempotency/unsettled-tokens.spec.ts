import { describe, expect, it } from '@jest/globals';
import { UnsettledTokens } from '../../lib/idempotency/unsettled-tokens.js';

describe('UnsettledTokens', () => {
  it('gives each token to one only', () => {
    const tokens = new UnsettledTokens();
    tokens.keep('a', 't');
    expect([tokens.take('b'), tokens.take('a'), tokens.take('a')]).toEqual([undefined, 't', undefined]);
  });

  it('keeps those of several claims of a key, the first one first', () => {
    const tokens = new UnsettledTokens();
    for (const token of ['1', '2', '3']) tokens.keep('a', token);
    expect([1, 2, 3, 4].map(() => tokens.take('a'))).toEqual(['1', '2', '3', undefined]);
  });

  it('forgets the oldest when there are too many', () => {
    const tokens = new UnsettledTokens();
    for (let i = 0; i <= 10_000; i++) tokens.keep(String(i), 't');
    expect([tokens.take('0'), tokens.take('1')]).toEqual([undefined, 't']);
  });
});
