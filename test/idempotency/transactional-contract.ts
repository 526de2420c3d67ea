import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Claim, ClaimedInTransaction, TransactionalIdempotencyStore } from '../../lib/idempotency/index.js';
import { type ContractCase, keyNames } from './store-contract.js';

/** A transactional store under test, with a table of the application beside it. */
export interface TransactionalSubject<Tx = unknown> {
  readonly store: TransactionalIdempotencyStore<Tx>;
  /** Writes a row of the application's in the transaction. */
  write(transaction: Tx, effect: string): Promise<void>;
  /** How many such rows are there, seen from outside. */
  written(effect: string): Promise<number>;
  advance(milliseconds: number): Promise<void>;
  /** As in StoreSubject. */
  readonly other?: TransactionalIdempotencyStore<Tx>;
  close?(): Promise<void>;
  readonly shortMillis?: number;
}

const LONG = 600_000;
const claim = (key: string, fingerprint?: string): Claim => ({ key, fingerprint });

function keys(): (name: string) => string {
  const prefix = randomUUID();
  return (name) => `${prefix}|${name}`;
}

/** Handles as a listener would: writes an effect for what is new. Gives what became of the claims. */
async function handle<Tx>(
  { write }: TransactionalSubject<Tx>,
  store: TransactionalIdempotencyStore<Tx>,
  claims: readonly Claim[],
  { ttl = LONG, before = () => Promise.resolve(), results = [] as (Buffer | undefined)[] } = {},
): Promise<readonly ClaimedInTransaction[]> {
  return store.transact(claims, ttl, async (claimed, transaction) => {
    for (const [i, { outcome }] of claimed.entries()) {
      if (outcome === 'acquired') await write(transaction, claims[i]!.key);
    }
    await before();
    return { value: claimed, results };
  });
}

const outcomes = (claimed: readonly ClaimedInTransaction[]): string[] => claimed.map(({ outcome }) => outcome);

/** What every transactional store must do. */
export const TRANSACTIONAL_CONTRACT: readonly ContractCase<TransactionalSubject>[] = [
  {
    name: 'commits mark and writes together, and gives the result to those that come later',
    async run(subject) {
      const { store, other = store } = subject;
      const key = keys();
      const results = [undefined, Buffer.alloc(0), Buffer.from([0, 255, 39, 92]), Buffer.alloc(65_536, 7)];
      for (const [i, result] of results.entries()) {
        const name = key(`${i}`);
        deepStrictEqual(outcomes(await handle(subject, store, [claim(name)], { results: [result] })), ['acquired']);
        strictEqual(await subject.written(name), 1);
        const [again] = await handle(subject, other, [claim(name)]);
        ok(again!.outcome === 'completed', again!.outcome);
        strictEqual(again.result === undefined, result === undefined);
        ok(result === undefined || again.result!.equals(result));
        strictEqual(await subject.written(name), 1);
      }
    },
  },
  {
    name: 'leaves neither mark nor writes behind when the work fails, and rejects with its error',
    async run(subject) {
      const name = keys()('k');
      const failure = new Error('the handler failed');
      const failing = handle(subject, subject.store, [claim(name)], { before: () => Promise.reject(failure) });
      await rejects(failing, (error) => error === failure);
      strictEqual(await subject.written(name), 0);
      deepStrictEqual(outcomes(await handle(subject, subject.store, [claim(name)])), ['acquired']);
      strictEqual(await subject.written(name), 1);
    },
  },
  {
    name: 'handles what comes many times at once a single time',
    async run(subject) {
      const { store, other = store } = subject;
      const name = keys()('k');
      const all = await Promise.all(
        Array.from({ length: 8 }, (_, i) => handle(subject, i % 2 ? other : store, [claim(name)])),
      );
      const acquired = all.flat().filter(({ outcome }) => outcome === 'acquired');
      strictEqual(acquired.length, 1);
      strictEqual(await subject.written(name), 1);
    },
  },
  {
    name: 'lets a duplicate wait for the first, and go on as the first when that fails',
    async run(subject) {
      const { store, other = store } = subject;
      const name = keys()('k');
      let begun!: () => void;
      const isBegun = new Promise<void>((resolve) => (begun = resolve));
      let fail!: () => void;
      const failure = new Error('rolled back');
      const before = (): Promise<never> => {
        begun();
        return new Promise((_, reject) => (fail = () => reject(failure)));
      };
      const first = handle(subject, store, [claim(name)], { before });
      const failed = rejects(first, (error) => error === failure);
      await isBegun;
      const second = handle(subject, other, [claim(name)]);
      fail();
      await failed;
      deepStrictEqual(outcomes(await second), ['acquired']);
      strictEqual(await subject.written(name), 1);
    },
  },
  {
    name: 'answers many claims of one call each for itself; one that stands there twice is handled once',
    async run(subject) {
      const { store } = subject;
      const key = keys();
      await handle(subject, store, [claim(key('done'))], { results: [Buffer.from('r')] });
      const names = ['new 1', 'done', 'new 2', 'new 1'];
      const claimed = await handle(
        subject,
        store,
        names.map((name) => claim(key(name))),
        {
          results: [undefined, undefined, Buffer.from('two')],
        },
      );
      deepStrictEqual(outcomes(claimed), ['acquired', 'completed', 'acquired', 'completed']);
      ok(claimed[1]!.outcome === 'completed' && claimed[1].result!.equals(Buffer.from('r')));
      for (const name of names) strictEqual(await subject.written(key(name)), 1);
      const again = await handle(
        subject,
        store,
        names.map((name) => claim(key(name))),
      );
      deepStrictEqual(outcomes(again), ['completed', 'completed', 'completed', 'completed']);
      ok(again[2]!.outcome === 'completed' && again[2].result!.equals(Buffer.from('two')));
    },
  },
  {
    name: 'handles batches that overlap, in any order of theirs, each message once',
    async run(subject) {
      const { store, other = store } = subject;
      const key = keys();
      const names = Array.from({ length: 10 }, (_, i) => key(`${i}`));
      const all = await Promise.all(
        Array.from({ length: 4 }, (_, i) =>
          handle(
            subject,
            i % 2 ? other : store,
            (i % 2 ? names.toReversed() : names).map((name) => claim(name)),
          ),
        ),
      );
      strictEqual(all.flat().filter(({ outcome }) => outcome === 'acquired').length, names.length);
      for (const name of names) strictEqual(await subject.written(name), 1);
    },
  },
  {
    name: 'forgets what was handled when its time is over, not earlier',
    async run(subject) {
      const short = subject.shortMillis ?? 1_000;
      const name = keys()('k');
      await handle(subject, subject.store, [claim(name)], { ttl: short * 3 });
      await subject.advance(short);
      deepStrictEqual(outcomes(await handle(subject, subject.store, [claim(name)])), ['completed']);
      await subject.advance(short * 2 + 1);
      deepStrictEqual(outcomes(await handle(subject, subject.store, [claim(name)])), ['acquired']);
      deepStrictEqual(outcomes(await handle(subject, subject.store, [claim(name)])), ['completed']);
    },
  },
  {
    name: 'finds a conflict where a key comes with another fingerprint, and only there',
    async run(subject) {
      const key = keys();
      const outcome = async (name: string, fingerprint?: string): Promise<string> =>
        outcomes(await handle(subject, subject.store, [claim(key(name), fingerprint)]))[0]!;
      strictEqual(await outcome('a', 'one'), 'acquired');
      strictEqual(await outcome('a', 'two'), 'conflict');
      strictEqual(await outcome('a', 'one'), 'completed');
      strictEqual(await outcome('a'), 'completed');
      strictEqual(await outcome('b'), 'acquired');
      strictEqual(await outcome('b', 'two'), 'completed');
    },
  },
  {
    name: 'tells keys apart to the byte, whatever characters they have and up to the longest',
    async run(subject) {
      const names = keyNames();
      const claims = names.map((name) => claim(name));
      const run = async (): Promise<string[]> =>
        outcomes(await subject.store.transact(claims, LONG, (claimed) => Promise.resolve({ value: claimed })));
      const first = await run();
      deepStrictEqual(
        names.filter((_, i) => first[i] !== 'acquired'),
        [],
        'taken for another one',
      );
      ok((await run()).every((outcome) => outcome === 'completed'));
    },
  },
];
