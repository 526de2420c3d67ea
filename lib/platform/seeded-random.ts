import type { Random } from './random.js';

/** The same numbers for the same seed, on every machine (sfc32). */
export class SeededRandom implements Random {
  private a = 0;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = seed | 0;
    // Neighbouring seeds differ in a few bits only; the generator needs a dozen steps to spread them.
    for (let i = 0; i < 12; i++) this.word();
  }

  next(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  private word(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum;
  }
}
