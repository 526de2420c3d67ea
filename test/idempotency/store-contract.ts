import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Claim, Claimed, Held, IdempotencyStore } from '../../lib/idempotency/index.js';
import { MAX_KEY_BYTES } from '../../lib/idempotency/index.js';

/** A store under test. */
export interface StoreSubject {
  readonly store: IdempotencyStore;
  /** Lets so much time of the store's clock pass: virtually, or by waiting. */
  advance(milliseconds: number): Promise<void>;
  /**
   * Stands for a second process on the same data, for a store that can have one.
   * Default: the store itself.
   */
  readonly other?: IdempotencyStore;
  close?(): Promise<void>;
  /** The time that a short lease or ttl takes here; long enough for some round trips. Default: 1,000. */
  readonly shortMillis?: number;
}

export interface ContractCase<S> {
  readonly name: string;
  run(subject: S): Promise<void>;
}

/** Never over while a case runs. */
const LONG = 600_000;
const shortOf = (subject: StoreSubject): number => subject.shortMillis ?? 1_000;

/** No two cases meet, also in a database that is there for longer. */
function keys(): (name: string) => string {
  const prefix = randomUUID();
  return (name) => `${prefix}|${name}`;
}

const claim = (key: string, fingerprint?: string): Claim => ({ key, fingerprint });

export function heldOf(key: string, claimed: Claimed | undefined): Held {
  ok(claimed?.outcome === 'acquired', `acquired was expected, not ${JSON.stringify(claimed)}`);
  ok(claimed.token.length > 0, 'the token is empty');
  return { key, token: claimed.token };
}

async function acquireOne(store: IdempotencyStore, key: string, lease = LONG, fingerprint?: string): Promise<Claimed> {
  const claimed = await store.acquire([claim(key, fingerprint)], lease);
  strictEqual(claimed.length, 1);
  return claimed[0]!;
}

const hold = async (store: IdempotencyStore, key: string, lease = LONG): Promise<Held> =>
  heldOf(key, await acquireOne(store, key, lease));

async function outcomeOf(store: IdempotencyStore, key: string, lease = LONG): Promise<Claimed['outcome']> {
  return (await acquireOne(store, key, lease)).outcome;
}

async function expired(subject: StoreSubject, key: string): Promise<Held> {
  const held = await hold(subject.store, key, shortOf(subject));
  await subject.advance(shortOf(subject) + 1);
  return held;
}

/** What every store must do, each case on a key of its own: also side by side on one database. */
export const STORE_CONTRACT: readonly ContractCase<StoreSubject>[] = [
  {
    name: 'lets one of many concurrent callers acquire, the others hear how long it may take',
    async run({ store, other = store }) {
      const key = keys()('k');
      const all = await Promise.all(Array.from({ length: 20 }, (_, i) => acquireOne(i % 2 ? other : store, key)));
      strictEqual(all.filter(({ outcome }) => outcome === 'acquired').length, 1);
      for (const claimed of all) {
        if (claimed.outcome === 'acquired') continue;
        ok(claimed.outcome === 'busy', `busy was expected, not ${claimed.outcome}`);
        ok(claimed.retryAfterMillis > 0 && claimed.retryAfterMillis <= LONG, `left: ${claimed.retryAfterMillis}`);
      }
    },
  },
  {
    name: 'tells how much of the lease is left',
    async run(subject) {
      const key = keys()('k');
      const short = shortOf(subject);
      await hold(subject.store, key, short * 4);
      await subject.advance(short);
      const claimed = await acquireOne(subject.store, key);
      ok(claimed.outcome === 'busy' && claimed.retryAfterMillis > 0 && claimed.retryAfterMillis <= short * 3 + 1);
    },
  },
  {
    name: 'gives what was completed to those that come later, and its result',
    async run({ store, other = store }) {
      const key = keys();
      const results = [undefined, Buffer.alloc(0), Buffer.from([0, 255, 10, 13, 39, 92]), Buffer.alloc(65_536, 7)];
      for (const [i, result] of results.entries()) {
        const held = await hold(store, key(`${i}`));
        deepStrictEqual(await store.complete([{ ...held, result }], LONG), [true]);
        const again = await acquireOne(other, held.key);
        ok(again.outcome === 'completed', `completed was expected, not ${again.outcome}`);
        strictEqual(again.result === undefined, result === undefined, `result ${i} is ${String(again.result)}`);
        ok(result === undefined || again.result!.equals(result), `result ${i} came back different`);
      }
    },
  },
  {
    name: 'lets the next attempt begin at once after a release',
    async run({ store }) {
      const key = keys()('k');
      const held = await hold(store, key);
      deepStrictEqual(await store.release([held]), [true]);
      const next = await hold(store, key);
      ok(next.token !== held.token, 'a token was given twice');
    },
  },
  {
    name: 'gives a lease that has ended to the next one, under another token',
    async run(subject) {
      const key = keys()('k');
      const zombie = await expired(subject, key);
      const next = await hold(subject.store, key);
      ok(next.token !== zombie.token, 'a token was given twice');
    },
  },
  {
    name: 'lets one of many take over',
    async run(subject) {
      const { store, other = store } = subject;
      const key = keys()('k');
      await expired(subject, key);
      const all = await Promise.all(Array.from({ length: 10 }, (_, i) => outcomeOf(i % 2 ? other : store, key)));
      strictEqual(all.filter((outcome) => outcome === 'acquired').length, 1);
    },
  },
  {
    name: 'refuses what an attempt does that was taken over from, and changes nothing for the new one',
    async run(subject) {
      const { store } = subject;
      const key = keys()('k');
      const zombie = await expired(subject, key);
      const owner = await hold(store, key);
      deepStrictEqual(await store.extend([zombie], LONG), [false]);
      deepStrictEqual(await store.release([zombie]), [false]);
      strictEqual(await outcomeOf(store, key), 'busy', 'the old attempt has released the new one');
      deepStrictEqual(await store.complete([{ ...zombie, result: Buffer.from('old') }], LONG), [false]);
      strictEqual(await outcomeOf(store, key), 'busy', 'the old attempt has completed the new one');
      deepStrictEqual(await store.complete([{ ...owner, result: Buffer.from('new') }], LONG), [true]);
      deepStrictEqual(await store.complete([{ ...zombie, result: Buffer.from('old') }], LONG), [false]);
      deepStrictEqual(await store.release([zombie]), [false]);
      const done = await acquireOne(store, key);
      ok(done.outcome === 'completed' && done.result!.equals(Buffer.from('new')), JSON.stringify(done));
    },
  },
  {
    name: 'refuses a token that nobody was given',
    async run({ store }) {
      const key = keys();
      await hold(store, key('k'));
      const forged = { key: key('k'), token: randomUUID() };
      deepStrictEqual(await store.extend([forged], LONG), [false]);
      deepStrictEqual(await store.complete([{ ...forged, result: undefined }], LONG), [false]);
      deepStrictEqual(await store.release([forged]), [false]);
      deepStrictEqual(await store.release([{ key: key('unknown'), token: randomUUID() }]), [false]);
      strictEqual(await outcomeOf(store, key('k')), 'busy');
    },
  },
  {
    name: 'keeps others out for as long as a lease is extended',
    async run(subject) {
      const { store } = subject;
      const short = shortOf(subject);
      const key = keys()('k');
      const held = await hold(store, key, short * 2);
      for (let i = 0; i < 3; i++) {
        await subject.advance(short);
        deepStrictEqual(await store.extend([held], short * 2), [true]);
        strictEqual(await outcomeOf(store, key), 'busy');
      }
      await subject.advance(short * 2 + 1);
      deepStrictEqual(await store.extend([held], LONG), [false]);
      strictEqual(await outcomeOf(store, key), 'acquired');
    },
  },
  {
    name: 'still marks what was handled when its lease has ended and nobody has taken over',
    async run(subject) {
      const key = keys()('k');
      const held = await expired(subject, key);
      deepStrictEqual(await subject.store.complete([{ ...held, result: undefined }], LONG), [true]);
      strictEqual(await outcomeOf(subject.store, key), 'completed');
    },
  },
  {
    name: 'forgets what was handled when its time is over, not earlier',
    async run(subject) {
      const { store } = subject;
      const short = shortOf(subject);
      const key = keys()('k');
      const held = await hold(store, key, short);
      await store.complete([{ ...held, result: undefined }], short * 4);
      await subject.advance(short * 2);
      strictEqual(await outcomeOf(store, key), 'completed');
      await subject.advance(short * 2 + 1);
      strictEqual(await outcomeOf(store, key), 'acquired');
    },
  },
  {
    name: 'finds a conflict where a completed key comes with another fingerprint, and only there',
    async run({ store }) {
      const key = keys();
      const held = heldOf(key('a'), await acquireOne(store, key('a'), LONG, 'one'));
      const meanwhile = (await acquireOne(store, key('a'), LONG, 'two')).outcome;
      ok(meanwhile === 'busy' || meanwhile === 'conflict', meanwhile);
      await store.complete([{ ...held, result: undefined }], LONG);
      strictEqual((await acquireOne(store, key('a'), LONG, 'two')).outcome, 'conflict');
      strictEqual((await acquireOne(store, key('a'), LONG, 'one')).outcome, 'completed');
      strictEqual((await acquireOne(store, key('a'))).outcome, 'completed');
      const plain = await hold(store, key('b'));
      await store.complete([{ ...plain, result: undefined }], LONG);
      strictEqual((await acquireOne(store, key('b'), LONG, 'two')).outcome, 'completed');
      const failed = heldOf(key('c'), await acquireOne(store, key('c'), LONG, 'one'));
      await store.release([failed]);
      strictEqual((await acquireOne(store, key('c'), LONG, 'two')).outcome, 'acquired');
    },
  },
  {
    name: 'answers many claims of one call each for itself, in their order',
    async run({ store }) {
      const key = keys();
      const done = await hold(store, key('done'));
      await store.complete([{ ...done, result: Buffer.from('r') }], LONG);
      await hold(store, key('busy'));
      const names = ['new 1', 'done', 'busy', 'new 2', 'new 1', 'done'];
      const claimed = await store.acquire(
        names.map((name) => claim(key(name))),
        LONG,
      );
      deepStrictEqual(
        claimed.map(({ outcome }) => outcome),
        ['acquired', 'completed', 'busy', 'acquired', 'busy', 'completed'],
      );
      const held = [heldOf(key('new 1'), claimed[0]), heldOf(key('new 2'), claimed[3])];
      ok(held[0]!.token !== held[1]!.token, 'two claims have one token');
      const forged = { key: key('busy'), token: randomUUID() };
      deepStrictEqual(await store.extend([held[0]!, forged, held[1]!], LONG), [true, false, true]);
      const completed = [forged, held[0]!, { key: key('done'), token: randomUUID() }];
      deepStrictEqual(
        await store.complete(
          completed.map((one) => ({ ...one, result: undefined })),
          LONG,
        ),
        [false, true, false],
      );
      deepStrictEqual(await store.release([held[1]!, forged]), [true, false]);
      strictEqual(await outcomeOf(store, key('new 1')), 'completed');
      strictEqual(await outcomeOf(store, key('new 2')), 'acquired');
    },
  },
  {
    name: 'answers concurrent calls for overlapping keys, in any order of theirs, without deadlock',
    async run({ store, other = store }) {
      const key = keys();
      const names = Array.from({ length: 40 }, (_, i) => `k${i}`);
      const calls = Array.from({ length: 8 }, (_, i) => {
        const order = i % 2 ? names.toReversed() : names;
        return (i % 4 < 2 ? store : other).acquire(
          order.map((name) => claim(key(name))),
          LONG,
        );
      });
      const acquired = (await Promise.all(calls)).flat().filter(({ outcome }) => outcome === 'acquired');
      strictEqual(acquired.length, names.length);
    },
  },
  {
    name: 'takes 500 claims in one call',
    async run({ store }) {
      const key = keys();
      const claims = Array.from({ length: 500 }, (_, i) => claim(key(`${i}`)));
      const claimed = await store.acquire(claims, LONG);
      const held = claimed.map((one, i) => heldOf(claims[i]!.key, one));
      const completed = await store.complete(
        held.map((one) => ({ ...one, result: undefined })),
        LONG,
      );
      ok(completed.every(Boolean));
      const again = await store.acquire(claims, LONG);
      ok(again.every(({ outcome }) => outcome === 'completed'));
    },
  },
  {
    name: 'takes no claims for an answer',
    async run({ store }) {
      deepStrictEqual(await store.acquire([], LONG), []);
      deepStrictEqual(await store.extend([], LONG), []);
      deepStrictEqual(await store.complete([], LONG), []);
      deepStrictEqual(await store.release([]), []);
    },
  },
  {
    name: 'tells keys apart to the byte, whatever characters they have and up to the longest',
    async run({ store }) {
      const names = keyNames();
      const claimed = await store.acquire(
        names.map((name) => claim(name)),
        LONG,
      );
      deepStrictEqual(
        names.filter((_, i) => claimed[i]!.outcome !== 'acquired'),
        [],
        'taken for another one',
      );
      const held = names.map((name, i) => heldOf(name, claimed[i]));
      ok(
        (
          await store.complete(
            held.map((one) => ({ ...one, result: undefined })),
            LONG,
          )
        ).every(Boolean),
      );
      for (const name of names) strictEqual(await outcomeOf(store, name), 'completed', name);
    },
  },
];

/** Pairs that a careless column or a careless script takes for one. */
export function keyNames(): string[] {
  const prefix = randomUUID();
  const tails = [
    'a',
    'A',
    'a ',
    ' a',
    'ä',
    'a\u0308',
    'ß',
    'ss',
    '{a}',
    '{a',
    "'; --",
    '%',
    '_',
    '\\',
    '\\\\',
    '*',
    '?',
  ];
  tails.push('\n', '\t', '\u0001', '😀', '日本', '\u{10FFFF}', '\uFFFD', 'null', '$1', '?1', ':a', '|', '');
  const room = MAX_KEY_BYTES - prefix.length;
  tails.push('x'.repeat(room), `${'x'.repeat(room - 1)}y`, '日'.repeat(Math.floor(room / 3)), '😀'.repeat(room >> 2));
  return tails.map((tail) => prefix + tail);
}

/** Runs all cases, each on a subject of its own; gives `name: why` of those that fail. */
export async function contractFailures<S extends { close?(): Promise<void> }>(
  cases: readonly ContractCase<S>[],
  open: () => Promise<S>,
): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, run } of cases) {
    const subject = await open();
    try {
      await run(subject);
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
    } finally {
      await subject.close?.();
    }
  }
  return failures;
}
