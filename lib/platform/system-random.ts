import type { Random } from './random.js';

/** The engine's own generator, seeded by the machine. */
export class SystemRandom implements Random {
  next(): number {
    return Math.random();
  }

  below(limit: number): number {
    return Math.floor(Math.random() * limit);
  }
}
