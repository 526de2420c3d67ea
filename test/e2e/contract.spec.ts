import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { contractOn } from './contract-on.js';
import { allBehaviours } from './names.js';
import { exclusions } from './targets/apache-exclusions.js';
import { embedded } from './targets/embedded.js';

contractOn(embedded);

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

  it('names what cannot be shown on Apache, each once and as it is called', () => {
    const named = Object.values(exclusions).flat();
    expect(named.filter((name) => !allBehaviours().includes(name))).toEqual([]);
    expect(new Set(named).size).toBe(named.length);
  });

  it('says nothing twice', () => {
    const names = allBehaviours();
    expect(new Set(names).size).toBe(names.length);
  });
});
