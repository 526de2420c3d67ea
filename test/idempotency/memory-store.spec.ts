import { describe, expect, it } from '@jest/globals';
import {
  type Claim,
  type Claimed,
  type Completed,
  type Held,
  type IdempotencyStore,
  MemoryIdempotencyStore,
} from '../../lib/idempotency/index.js';
import { VirtualClock } from '../../lib/platform/index.js';
import { contractFailures, heldOf, STORE_CONTRACT, type StoreSubject } from './store-contract.js';

function open(wrap: (store: IdempotencyStore) => IdempotencyStore = (store) => store): Promise<StoreSubject> {
  const clock = new VirtualClock();
  const store = wrap(new MemoryIdempotencyStore({ clock }));
  return Promise.resolve({ store, advance: (millis) => clock.advance(millis) });
}

describe('MemoryIdempotencyStore', () => {
  it.each(STORE_CONTRACT)('$name', async ({ run }) => run(await open()));

  const claims = (...names: string[]): Claim[] => names.map((key) => ({ key, fingerprint: undefined }));

  async function handleAll(store: IdempotencyStore, names: string[], result?: Buffer): Promise<void> {
    const claimed = await store.acquire(claims(...names), 1_000);
    const held = names.map((name, i) => heldOf(name, claimed[i]));
    await store.complete(
      held.map((one) => ({ ...one, result })),
      60_000,
    );
  }

  it('forgets what was not asked for longest when it is full, and counts that', async () => {
    const store = new MemoryIdempotencyStore({ maxEntries: 3, clock: new VirtualClock() });
    await handleAll(store, ['a', 'b', 'c']);
    await store.acquire(claims('a'), 1_000);
    await handleAll(store, ['d']);
    expect(store.evictions).toBe(1);
    expect(store.size).toBe(3);
    const again = await store.acquire(claims('a', 'c', 'd'), 1_000);
    expect(again.map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);
    expect((await store.acquire(claims('b'), 1_000))[0]!.outcome).toBe('acquired');
  });

  it('keeps no more bytes of results than it may', async () => {
    const store = new MemoryIdempotencyStore({ maxResultBytes: 100, clock: new VirtualClock() });
    await handleAll(store, ['a', 'b', 'c'], Buffer.alloc(40));
    expect(store.evictions).toBe(1);
    expect(store.size).toBe(2);
  });

  it('lets go of what is over, without being asked for it', async () => {
    const clock = new VirtualClock();
    const store = new MemoryIdempotencyStore({ clock });
    await handleAll(store, ['a', 'b']);
    await clock.advance(60_001);
    await handleAll(store, ['c']);
    expect(store.size).toBe(1);
    expect(store.evictions).toBe(0);
  });

  it('refuses more messages at work than it may know instead of forgetting one, and acquires none of the call', async () => {
    const clock = new VirtualClock();
    const store = new MemoryIdempotencyStore({ maxEntries: 2, clock });
    await store.acquire(claims('a'), 1_000);
    await expect(store.acquire(claims('b', 'c'), 1_000)).rejects.toThrow('maxEntries');
    expect(store.size).toBe(1);
    await clock.advance(1_001);
    expect((await store.acquire(claims('b', 'c'), 1_000)).map(({ outcome }) => outcome)).toEqual([
      'acquired',
      'acquired',
    ]);
  });

  it('keeps its results to itself', async () => {
    const store = new MemoryIdempotencyStore({ clock: new VirtualClock() });
    const result = Buffer.from('as it was');
    await handleAll(store, ['a'], result);
    result.fill(0);
    for (let i = 0; i < 2; i++) {
      const [claimed] = await store.acquire(claims('a'), 1_000);
      expect(claimed).toEqual({ outcome: 'completed', result: Buffer.from('as it was') });
      if (claimed!.outcome === 'completed') claimed!.result!.fill(1);
    }
  });

  it.each([{ maxEntries: 0 }, { maxEntries: 1.5 }, { maxResultBytes: -1 }])('refuses %j', (options) => {
    expect(() => new MemoryIdempotencyStore(options)).toThrow('whole number above 0');
  });
});

/** Does one thing wrong. */
class Broken implements IdempotencyStore {
  readonly name = 'broken';
  readonly shared = false;

  constructor(protected readonly right: IdempotencyStore) {}

  acquire(claimed: readonly Claim[], lease: number): Promise<Claimed[]> {
    return this.right.acquire(claimed, lease);
  }
  extend(held: readonly Held[], lease: number): Promise<boolean[]> {
    return this.right.extend(held, lease);
  }
  complete(completed: readonly Completed[], ttl: number): Promise<boolean[]> {
    return this.right.complete(completed, ttl);
  }
  release(held: readonly Held[]): Promise<boolean[]> {
    return this.right.release(held);
  }
}

class Unfenced extends Broken {
  readonly #tokens = new Map<string, string>();

  override async acquire(claimed: readonly Claim[], lease: number): Promise<Claimed[]> {
    const answers = await super.acquire(claimed, lease);
    answers.forEach((answer, i) => answer.outcome === 'acquired' && this.#tokens.set(claimed[i]!.key, answer.token));
    return answers;
  }
  override complete(completed: readonly Completed[], ttl: number): Promise<boolean[]> {
    return super.complete(
      completed.map((one) => ({ ...one, token: this.#tokens.get(one.key)! })),
      ttl,
    );
  }
}

class LooksFirst extends Broken {
  readonly #known = new Map<string, string>();

  override async acquire(claimed: readonly Claim[], lease: number): Promise<Claimed[]> {
    const free = claimed.map(({ key }) => !this.#known.has(key));
    await Promise.resolve();
    const answers = await super.acquire(claimed, lease);
    return answers.map((answer, i) => {
      if (answer.outcome === 'acquired') this.#known.set(claimed[i]!.key, answer.token);
      return free[i] && answer.outcome === 'busy' ? { outcome: 'acquired', token: 'mine as well' } : answer;
    });
  }
}

class FoldsCase extends Broken {
  override acquire(claimed: readonly Claim[], lease: number): Promise<Claimed[]> {
    return super.acquire(
      claimed.map((one) => ({ ...one, key: one.key.toLowerCase() })),
      lease,
    );
  }
}

class LosesEmptyResults extends Broken {
  override complete(completed: readonly Completed[], ttl: number): Promise<boolean[]> {
    return super.complete(
      completed.map((one) => ({ ...one, result: one.result?.length ? one.result : undefined })),
      ttl,
    );
  }
}

class ExtendsNothing extends Broken {
  override async extend(held: readonly Held[], lease: number): Promise<boolean[]> {
    await super.extend([], lease);
    return held.map(() => true);
  }
}

describe('the contract of stores', () => {
  it.each([
    ['completes without asking whose lease it is', Unfenced, 'taken over from'],
    ['looks before it acquires', LooksFirst, 'concurrent callers'],
    ['folds keys', FoldsCase, 'to the byte'],
    ['loses empty results', LosesEmptyResults, 'its result'],
    ['only says that it extends', ExtendsNothing, 'extended'],
  ])('catches a store that %s', async (_, Variant, what) => {
    const failures = await contractFailures(STORE_CONTRACT, () => open((store) => new Variant(store)));
    expect(failures.filter((failure) => failure.includes(what))).toHaveLength(1);
  });

  it('finds nothing in one that is right', async () => {
    expect(await contractFailures(STORE_CONTRACT, () => open())).toEqual([]);
  });
});
