import { describe, expect, it } from '@jest/globals';
import { BROKEN } from './broken-decoders.js';
import { faultOf, fuzz, keptInputs } from './fuzz.js';
import { type Target, TARGETS } from './targets.js';

/** `npm run test:fuzz` takes another seed each time, and longer. */
const SEED = 20_261_121;
const RUNS = 400;
const MILLIS = 400;
/** Its runs decide, also while an input is made small: this only ends what hangs. */
const LONG_MILLIS = 240_000;

function isTaken(target: Target, sample: Buffer): boolean {
  try {
    target.decode(Buffer.from(sample));
    return true;
  } catch {
    return false;
  }
}

describe('what decodes bytes from outside', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))('takes no harm from edited %s', (_name, target) => {
    for (const sample of target.samples) expect(faultOf(target, sample)).toBeUndefined();
    // Otherwise only its first check would ever be tried.
    expect(target.samples.some((sample) => isTaken(target, sample))).toBe(true);
    expect(fuzz(target, { seed: SEED, runs: RUNS, millis: MILLIS }).fault).toBeUndefined();
  });

  it.each(keptInputs().map((kept) => [kept.target, kept.says, kept] as const))(
    'takes no harm from what was found for %s: %s',
    (name, _says, { base64 }) => {
      // Found for one decoder, it is tried on all: the next fault may be the same one in another place.
      const input = Buffer.from(base64, 'base64');
      expect([...TARGETS, ...BROKEN].map((target) => target.name)).toContain(name);
      for (const target of TARGETS) expect([target.name, faultOf(target, input)]).toEqual([target.name, undefined]);
    },
  );
});

describe('the fuzzing', () => {
  it.each(BROKEN.map((target) => [target.name, target] as const))(
    'finds %s, and makes the input small',
    (_name, broken) => {
      const { fault } = fuzz(broken, { seed: SEED, runs: 20_000, millis: LONG_MILLIS });
      expect(fault).toBeDefined();
      expect(faultOf(broken, fault!.input)).toBe(fault!.says);
    },
    300_000,
  );

  it('finds the same again with the same seed', () => {
    const effort = { seed: 7, runs: 20_000, millis: LONG_MILLIS };
    const [one, two] = [fuzz(BROKEN[0]!, effort), fuzz(BROKEN[0]!, effort)];
    expect(one.fault!.input.equals(two.fault!.input)).toBe(true);
  }, 600_000);
});
