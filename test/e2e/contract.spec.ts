import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import { allBehaviours } from './names.js';
import { lacking, show } from './run-one.js';
import { subjects } from './subjects.js';
import { targets } from './targets/index.js';

/** Hours of virtual time are seconds of work, and more of them on a machine that is busy with other tests. */
const PATIENCE_MILLIS = 120_000;

describe.each(targets.map((target) => ({ name: target.name, target })))('on $name', ({ target }) => {
  const excluded: string[] = [];

  for (const subject of subjects) {
    describe(`${subject.name}`, () => {
      for (const behaviour of subject.behaviours) {
        const missing = lacking(behaviour, target);
        if (missing.length > 0) excluded.push(`${behaviour.name} (needs ${missing.join(', ')})`);
        else it(`${behaviour.name.slice(subject.name.length + 2)}`, () => show(behaviour, target), PATIENCE_MILLIS);
      }
    });
  }

  afterAll(() => {
    if (excluded.length > 0) console.log(`not shown on ${target.name}:\n  ${excluded.join('\n  ')}`);
  });
});

describe('the contract', () => {
  // Run by `npm run test:mutations`; here only that each of them still says what it changes.
  it('has at least 60 mutations of the engine to notice, each of one place', async () => {
    const folder = new URL('../../../test/e2e/mutations/', import.meta.url);
    const { mutations } = (await import(`${folder}list.js`)) as { mutations: { id: string; file: string }[] };
    const { mutate } = (await import(`${folder}mutate.js`)) as { mutate: (text: string, mutation: object) => string };
    expect(mutations.length).toBeGreaterThanOrEqual(60);
    expect(new Set(mutations.map(({ id }) => id)).size).toBe(mutations.length);
    for (const mutation of mutations) {
      const compiled = await readFile(new URL(`../../${mutation.file.replace(/ts$/, 'js')}`, import.meta.url), 'utf8');
      expect(mutate(compiled, mutation)).not.toBe(compiled);
    }
  });

  it('says nothing twice', () => {
    const names = allBehaviours();
    expect(new Set(names).size).toBe(names.length);
  });
});
