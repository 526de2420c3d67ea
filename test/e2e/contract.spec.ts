import { afterAll, describe, expect, it } from '@jest/globals';
import { allBehaviours } from './names.js';
import { lacking, show } from './run-one.js';
import { subjects } from './subjects.js';
import { targets } from './targets/index.js';

describe.each(targets.map((target) => ({ name: target.name, target })))('on $name', ({ target }) => {
  const excluded: string[] = [];

  for (const subject of subjects) {
    describe(`${subject.name}`, () => {
      for (const behaviour of subject.behaviours) {
        const missing = lacking(behaviour, target);
        if (missing.length > 0) excluded.push(`${behaviour.name} (needs ${missing.join(', ')})`);
        else it(`${behaviour.name.slice(subject.name.length + 2)}`, () => show(behaviour, target));
      }
    });
  }

  afterAll(() => {
    if (excluded.length > 0) console.log(`not shown on ${target.name}:\n  ${excluded.join('\n  ')}`);
  });
});

describe('the contract', () => {
  it('says nothing twice', () => {
    const names = allBehaviours();
    expect(new Set(names).size).toBe(names.length);
  });
});
