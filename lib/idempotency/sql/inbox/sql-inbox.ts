import { MessagingError } from '../../../protocol/index.js';
import { storeFailure } from '../../store-failure.js';
import type { Claim, ClaimedInTransaction, TransactedWork, TransactionalIdempotencyStore } from '../../store.js';
import { databaseError } from '../database-error.js';
import type { SqlAdapter, SqlQuery } from '../sql-adapter.js';
import { answerDuplicates, known } from './answers.js';
import { checkKeys, portions, sortedPlaces, wholeMillis } from './checks.js';
import { claimRows, countRows, type InboxRow, isFree, keepResults, type NewRow, readRows } from './inbox-rows.js';
import type { SqlInboxOptions } from './inbox-options.js';
import { retryConflicts } from './retry-conflicts.js';
import { SqlMarks } from './sql-marks.js';

/** Rows may go and come between the statement that met them and that which looked at them. */
const MOST_ROUNDS = 5;

/** What `work` has rejected with, told apart from what the database says. */
interface Run {
  begun: boolean;
  failed: boolean;
  error: unknown;
}

/**
 * Marks messages as handled in the table `nestmq_inbox`, in the transaction of the handler's own writes. The mark is written
 * first: a duplicate that comes meanwhile waits for that row, and finds it handled, or goes on as the first when the first
 * was rolled back.
 *
 * Rejects with what the handler rejected with, otherwise with `IDEMPOTENCY_STORE_FAILED`; its cause is what `databaseError`
 * makes of the client's error.
 *
 * @publicApi
 */
export class SqlInbox<Tx = unknown> extends SqlMarks<Tx> implements TransactionalIdempotencyStore<Tx> {
  readonly name = 'sql inbox';

  /** Throws BAD_ARGUMENT for what is no adapter, CONFIGURATION for options that make no sense. */
  constructor(adapter: SqlAdapter<Tx>, options: SqlInboxOptions = {}) {
    super('SqlInbox', adapter, options);
  }

  async transact<T>(
    claims: readonly Claim[],
    ttlMillis: number,
    work: (claimed: readonly ClaimedInTransaction[], transaction: Tx) => Promise<TransactedWork<T>>,
  ): Promise<T> {
    checkKeys(claims);
    const ttl = wholeMillis(ttlMillis);
    const run: Run = { begun: false, failed: false, error: undefined };
    try {
      // Only while the handler has not begun: it is called once for each attempt, and counts on it.
      return await retryConflicts(
        () => this.adapter.transaction((transaction) => this.attempt(claims, ttl, work, transaction, run)),
        () => !run.begun,
      );
    } catch (error) {
      if (run.failed) throw run.error;
      const cause = databaseError(error, `${run.begun ? 'commit' : 'claim'} messages in nestmq_inbox`);
      throw storeFailure(cause.message, cause, cause.retryable);
    }
  }

  private async attempt<T>(
    claims: readonly Claim[],
    ttl: number,
    work: (claimed: readonly ClaimedInTransaction[], transaction: Tx) => Promise<TransactedWork<T>>,
    transaction: Tx,
    run: Run,
  ): Promise<T> {
    const query = this.adapter.within(transaction);
    const answers = Array.from<ClaimedInTransaction>({ length: claims.length });
    const written: (NewRow & { place: number })[] = [];
    for (const places of portions(sortedPlaces(claims)))
      written.push(...(await this.claimAt(query, places, claims, ttl, answers)));
    // Handled with the first, whose result is not known yet.
    answerDuplicates(claims, answers, { outcome: 'completed', result: undefined });
    run.begun = true;
    let done: TransactedWork<T>;
    try {
      done = await work(answers, transaction);
    } catch (error) {
      Object.assign(run, { failed: true, error });
      throw error;
    }
    await this.finish(query, written, done.results);
    return done.value;
  }

  private async claimAt(
    query: SqlQuery,
    places: readonly number[],
    claims: readonly Claim[],
    ttlMillis: number,
    answers: ClaimedInTransaction[],
  ): Promise<(NewRow & { place: number })[]> {
    const { dialect } = this.adapter;
    const terms = { leaseMillis: undefined, ttlMillis };
    const written: (NewRow & { place: number })[] = [];
    let open = places.map((place) => ({ place, ...claims[place]!, token: this.tokens.next() }));
    for (let round = 1; open.length > 0; round++) {
      const acquired = await claimRows(query, dialect, open, terms);
      for (const row of open) {
        if (!acquired.has(row.token)) continue;
        answers[row.place] = { outcome: 'acquired' };
        written.push(row);
      }
      const refused = open.filter(({ token }) => !acquired.has(token));
      if (refused.length === 0) break;
      const keys = refused.map(({ key }) => key);
      const there = new Map((await readRows(query, dialect, keys)).map((row) => [row.key, row]));
      for (const { place, key } of refused) {
        const answer = answerOf(there.get(key), claims[place]!);
        if (answer !== undefined) answers[place] = answer;
      }
      open = refused.filter(({ place }) => answers[place] === undefined);
      if (round === MOST_ROUNDS && open.length > 0)
        throw new MessagingError('DATABASE_BUSY', `The row of "${open[0]!.key}" in nestmq_inbox comes and goes`);
    }
    return written;
  }

  private async finish(
    query: SqlQuery,
    written: readonly (NewRow & { place: number })[],
    results: readonly (Buffer | undefined)[] = [],
  ): Promise<void> {
    const { dialect, noticesRollback } = this.adapter;
    const kept = written
      .map(({ key, token, place }) => ({ key, token, result: results[place] }))
      .filter(({ result }) => result !== undefined);
    for (const some of portions(kept)) if ((await keepResults(query, dialect, some)) !== some.length) throw undone();
    // Any row that is still there shows that all are: a transaction is undone as a whole.
    if (noticesRollback === true || kept.length > 0 || written.length === 0) return;
    if ((await countRows(query, dialect, written.slice(0, 1))) !== 1) throw undone();
  }
}

function undone(): MessagingError {
  return new MessagingError(
    'DATABASE_ERROR',
    'The database had rolled the transaction back while the handler went on: a statement in it had failed, and its error was ' +
      'not passed on. Let errors of the database reach the end of the handler, or use a savepoint',
  );
}

/** Undefined: free by now, or gone; to be claimed once more. */
function answerOf(row: InboxRow | undefined, claim: Claim): ClaimedInTransaction | undefined {
  if (row === undefined || isFree(row)) return undefined;
  if (row.leftMillis !== undefined)
    throw new MessagingError(
      'DATABASE_BUSY',
      `"${claim.key}" is at work under a lease of ${row.leftMillis} ms more: another instance handles it without transactions`,
    );
  return known(claim, row);
}
