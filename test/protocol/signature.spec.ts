import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { checkCredentials, SigningKey } from '../../lib/protocol/index.js';

const text = (signature: Buffer): string => signature.toString('base64');

describe('the signature of a request', () => {
  const key = new SigningKey('12345678');

  it('is the one that RocketMQ computes', () => {
    // From the tests of RocketMQ: the text "RocketMQ" under the key "12345678".
    expect(text(key.sign(new Map([['a', 'RocketMQ']]), undefined))).toBe('IUc8rrO/0gDch8CjObLQsW2rsiA=');
    expect(text(key.sign(new Map(), Buffer.from('RocketMQ')))).toBe('IUc8rrO/0gDch8CjObLQsW2rsiA=');
  });

  it('covers the values in the order of their names, then the body, and not itself', () => {
    const fields = new Map([
      ['b', 'ket'],
      ['Signature', 'whatever'],
      ['A', 'Roc'],
    ]);
    expect(text(key.sign(fields, Buffer.from('MQ')))).toBe('IUc8rrO/0gDch8CjObLQsW2rsiA=');
    expect(text(key.sign(new Map([...fields, ['c', '!']]), Buffer.from('MQ'), 'c'))).toBe(
      'IUc8rrO/0gDch8CjObLQsW2rsiA=',
    );
  });

  it('is verified as a whole, whatever the text that is given for it', () => {
    const fields = new Map([['a', 'RocketMQ']]);
    const right = 'IUc8rrO/0gDch8CjObLQsW2rsiA=';
    expect(key.verify(right, fields, undefined)).toBe(true);
    for (const wrong of [
      '',
      'I',
      '=',
      right.slice(1),
      `${right}AA`,
      right.toLowerCase(),
      '\u{1f512}',
      'A'.repeat(100_000),
    ])
      expect(key.verify(wrong, fields, undefined)).toBe(false);
    expect(key.verify(right, new Map([['a', 'RocketMQ!']]), undefined)).toBe(false);
    expect(key.verify(right, fields, Buffer.from('!'))).toBe(false);
    expect(new SigningKey('12345679').verify(right, fields, undefined)).toBe(false);
  });

  it('does not show its key', () => {
    expect(inspect(key, { depth: 5, showHidden: true })).not.toContain('12345678');
    expect(JSON.stringify(key)).not.toContain('12345678');
  });

  it.each([
    [{ accessKey: 'short', secretKey: 'long enough' }, /accessKey must be a text of at least 7/],
    [{ accessKey: 'long enough', secretKey: 'short' }, /secretKey must be/],
    [{ accessKey: 'long enough', secretKey: 12_345_678 as unknown as string }, /secretKey must be/],
    [{ accessKey: 'long enough', secretKey: 'secret stays', securityToken: '' }, /securityToken must be/],
    [{ accessKey: 'long enough', secretKey: 'secret stays', token: 'x' }, /has no "token"/],
  ])('refuses credentials that are none, without telling them', (credentials, words) => {
    let message = '';
    try {
      checkCredentials(credentials, 'credentials');
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(words);
    expect(message).not.toMatch(/long enough|secret stays|12345678|"x"/);
  });
});
