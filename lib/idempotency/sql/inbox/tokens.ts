import { randomBytes } from 'node:crypto';

/** Tokens of one store: unique among all attempts of all processes, without a random number for each. */
export class Tokens {
  private readonly self = randomBytes(12).toString('base64url');
  private count = 0;

  next(): string {
    return `${this.self}.${(++this.count).toString(36)}`;
  }
}
