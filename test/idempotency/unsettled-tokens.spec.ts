import { describe, expect, it } from '@jest/globals';
import { UnsettledTokens } from '../../lib/idempotency/unsettled-tokens.js';

describe('UnsettledTokens', () => {
  it('gives each token to one only', () => {
    const tokens = new UnsettledTokens();
    tokens.keep('a', 't');
    expect([tokens.take('b'), tokens.take('a'), tokens.take('a')]).toEqual([undefined, 't', undefined]);
  });

  it('forgets the oldest when there are too many', () => {
    const tokens = new UnsettledTokens();
    for (let i = 0; i <= 10_000; i++) tokens.keep(String(i), 't');
    expect([tokens.take('0'), tokens.take('1')]).toEqual([undefined, 't']);
  });
});
