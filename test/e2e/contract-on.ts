import { afterAll, describe, it } from '@jest/globals';
import { leftOut, show } from './run-one.js';
import { subjects } from './subjects.js';
import type { Target } from './targets/target.js';

/** Hours of virtual time are seconds of work, and more of them on a machine that is busy with other tests. */
const PATIENCE_MILLIS = 120_000;

/**
 * The whole contract on one target, or only the first behaviours of each subject; what cannot be shown there is named at
 * the end.
 */
export function contractOn(target: Target, most = Number.POSITIVE_INFINITY): void {
  describe(`on ${target.name}`, () => {
    const excluded: string[] = [];

    for (const subject of subjects) {
      describe(`${subject.name}`, () => {
        for (const behaviour of subject.behaviours.slice(0, most)) {
          const why = leftOut(behaviour, target);
          if (why !== undefined) excluded.push(`${behaviour.name} (${why})`);
          else it(`${behaviour.name.slice(subject.name.length + 2)}`, () => show(behaviour, target), PATIENCE_MILLIS);
        }
      });
    }

    afterAll(() => {
      if (excluded.length > 0) console.log(`not shown on ${target.name}:\n  ${excluded.join('\n  ')}`);
    });
  });
}
