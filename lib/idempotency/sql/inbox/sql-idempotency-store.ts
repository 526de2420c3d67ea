import { storeFailure } from '../../store-failure.js';
import type { Claim, Claimed, Completed, Held, IdempotencyStore } from '../../store.js';
import { UnsettledTokens } from '../../unsettled-tokens.js';
import { databaseError } from '../database-error.js';
import type { SqlAdapter, SqlQuery } from '../sql-adapter.js';
import { answerDuplicates, known } from './answers.js';
import { checkKeys, portions, sortedPlaces, wholeMillis } from './checks.js';
import {
  claimRows,
  completeRows,
  extendRows,
  type InboxRow,
  isFree,
  readRows,
  releaseRows,
  releasesInTransaction,
} from './inbox-rows.js';
import type { SqlInboxOptions } from './inbox-options.js';
import { retryConflicts } from './retry-conflicts.js';
import { SqlMarks } from './sql-marks.js';

/**
 * A row whose lease has ended is free for everybody, but stays for so long: who outlived the lease and finds that nobody has
 * taken over can still mark the message as handled.
 */
const ABANDONED_MILLIS = 24 * 3_600_000;
/** Rows may go and come between the statement that found them and that which looked at them. */
const MOST_ROUNDS = 5;

/**
 * Keeps marks in the table `nestmq_inbox`, with leases: for handlers whose effects are not in this database. Where they are,
 * `SqlInbox` is the better one: a crash between the effect and its mark is then impossible. Times are the database's.
 *
 * Methods reject with `IDEMPOTENCY_STORE_FAILED`; its cause is what `databaseError` makes of the client's error.
 *
 * @publicApi
 */
export class SqlIdempotencyStore extends SqlMarks<unknown> implements IdempotencyStore {
  readonly name = 'sql';
  private readonly unsettled = new UnsettledTokens();

  /** Throws BAD_ARGUMENT for what is no adapter, CONFIGURATION for options that make no sense. */
  constructor(adapter: SqlAdapter<unknown>, options: SqlInboxOptions = {}) {
    super('SqlIdempotencyStore', adapter, options);
  }

  async acquire(claims: readonly Claim[], leaseMillis: number): Promise<Claimed[]> {
    checkKeys(claims);
    const lease = wholeMillis(leaseMillis);
    const answers = Array.from<Claimed>({ length: claims.length });
    for (const places of portions(sortedPlaces(claims))) await this.acquireAt(places, claims, lease, answers);
    answerDuplicates<Claimed>(claims, answers, { outcome: 'busy', retryAfterMillis: lease });
    return answers;
  }

  private async acquireAt(
    places: readonly number[],
    claims: readonly Claim[],
    lease: number,
    answers: Claimed[],
  ): Promise<void> {
    const { dialect, query } = this.adapter;
    const terms = { leaseMillis: lease, ttlMillis: lease + ABANDONED_MILLIS };
    let open = places.map((place) => {
      const { key, fingerprint } = claims[place]!;
      const unsettled = this.unsettled.take(key);
      return { place, key, fingerprint, token: unsettled ?? this.tokens.next(), again: unsettled !== undefined };
    });
    try {
      for (let round = 1; open.length > 0; round++) {
        const rows = open;
        const acquired = await this.ask('claim messages', () => claimRows(query, dialect, rows, terms));
        for (const { place, token } of rows) if (acquired.has(token)) answers[place] = { outcome: 'acquired', token };
        const refused = rows.filter(({ token }) => !acquired.has(token));
        if (refused.length === 0) return;
        const there = await this.ask('look at claimed messages', () =>
          readRows(
            query,
            dialect,
            refused.map(({ key }) => key),
          ),
        );
        const byKey = new Map(there.map((row) => [row.key, row]));
        for (const { place, key } of refused) {
          const answer = answerOf(byKey.get(key), claims[place]!);
          if (answer !== undefined) answers[place] = answer;
          else if (round === MOST_ROUNDS) answers[place] = { outcome: 'busy', retryAfterMillis: 1 };
        }
        open = refused.filter(({ place }) => answers[place] === undefined);
      }
    } catch (error) {
      // Whether it was acquired is not known: the next attempt asks under the same token.
      for (const { place, key, token } of open) if (answers[place] === undefined) this.unsettled.keep(key, token);
      throw error;
    }
  }

  extend(held: readonly Held[], leaseMillis: number): Promise<boolean[]> {
    const lease = wholeMillis(leaseMillis);
    const terms = { leaseMillis: lease, ttlMillis: lease + ABANDONED_MILLIS };
    const { dialect, query } = this.adapter;
    return this.change('extend leases', held, (some) => extendRows(query, dialect, some, terms));
  }

  complete(completed: readonly Completed[], ttlMillis: number): Promise<boolean[]> {
    const ttl = wholeMillis(ttlMillis);
    const { dialect, query } = this.adapter;
    return this.change('mark messages as handled', completed, (some) => completeRows(query, dialect, some, ttl));
  }

  release(held: readonly Held[]): Promise<boolean[]> {
    const { adapter } = this;
    const release = (query: SqlQuery, some: readonly Held[]) => releaseRows(query, adapter.dialect, some);
    return this.change('release messages', held, (some) =>
      releasesInTransaction(adapter.dialect)
        ? adapter.transaction((transaction) => release(adapter.within(transaction), some))
        : release(adapter.query, some),
    );
  }

  private async change<T extends Held>(
    doing: string,
    held: readonly T[],
    step: (some: readonly T[]) => Promise<Set<string>>,
  ): Promise<boolean[]> {
    const answers: boolean[] = [];
    for (const some of portions(held)) {
      // Locked in one order by all, as when they were acquired.
      const sorted = some.toSorted((one, other) => (one.key < other.key ? -1 : 1));
      const changed = await this.ask(doing, () => step(sorted));
      answers.push(...some.map(({ token }) => changed.has(token)));
    }
    return answers;
  }

  private async ask<T>(doing: string, step: () => Promise<T>): Promise<T> {
    try {
      return await retryConflicts(step);
    } catch (error) {
      const cause = databaseError(error, `${doing} in nestmq_inbox`);
      throw storeFailure(cause.message, cause, cause.retryable);
    }
  }
}

/** Undefined: free by now, or gone; to be claimed once more. */
function answerOf(row: InboxRow | undefined, claim: Claim): Claimed | undefined {
  if (row === undefined) return undefined;
  if (isFree(row)) return undefined;
  if (row.leftMillis !== undefined) return { outcome: 'busy', retryAfterMillis: Math.max(1, row.leftMillis) };
  return known(claim, row);
}
