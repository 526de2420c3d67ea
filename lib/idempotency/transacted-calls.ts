import { PostponeError } from '../client/index.js';
import type { IdempotentDelivery } from './delivery.js';
import type { IdempotentListener, Place } from './idempotent-listener.js';
import { settled } from './leased-calls.js';
import type { ClaimedInTransaction, TransactionalIdempotencyStore } from './store.js';

/** Calls a listener whose store marks in the transaction of the handler's own writes. */
export class TransactedCalls {
  constructor(
    private readonly store: TransactionalIdempotencyStore,
    private readonly listener: IdempotentListener,
  ) {}

  /** As `LeasedCalls.run`. An error of the commit is one of the handler: what it wrote may be the reason. */
  async run(delivery: IdempotentDelivery, work: () => Promise<unknown[]>): Promise<readonly unknown[]> {
    const { listener, store } = this;
    const { batch } = delivery;
    const places = listener.places(delivery.messages);
    if (batch === undefined && places[0]!.verdict !== undefined) return settled(places[0]!.verdict);
    const asked = places.filter(({ verdict }) => verdict === undefined);
    const { closedMillis } = listener.health;
    const call = new TransactedCall(listener, delivery, asked, places);
    if (asked.length > 0 && closedMillis > 0) {
      for (const { message } of asked) listener.outcomes.record('store-error', message.messageId);
      return this.settleAll(delivery, places, asked, listener.waitForStore(closedMillis).error);
    }
    if (asked.length === 0) return this.settleAll(delivery, places, [], undefined);
    const claims = asked.map(({ claim }) => claim);
    try {
      return await store.transact(claims, listener.options.ttlMillis, (claimed, transaction) => {
        listener.health.answered();
        return call.work(claimed, transaction, work);
      });
    } catch (error) {
      if (!call.begun) {
        return this.settleAll(delivery, places, asked, listener.storeFailed(asked, error).error);
      }
      if (error instanceof RolledBack && batch !== undefined) return call.settleRolledBack(error);
      throw error;
    }
  }

  /** Without the handler. */
  private settleAll(
    { batch }: IdempotentDelivery,
    places: readonly Place[],
    asked: readonly Place[],
    error: unknown,
  ): readonly unknown[] {
    if (batch === undefined) throw error as Error;
    for (const place of places) batch.settle(place.at, asked.includes(place) ? error : place.verdict?.error);
    return [];
  }
}

/** Some messages of a batch failed: their transaction is that of all. */
class RolledBack extends Error {
  constructor(readonly failed: readonly Place[]) {
    super('messages of the batch failed');
  }
}

/** One delivery in its transaction. */
class TransactedCall {
  /** Whether the transaction has come to the handler. */
  begun = false;
  private fresh: readonly Place[] = [];

  constructor(
    private readonly listener: IdempotentListener,
    private readonly delivery: IdempotentDelivery,
    private readonly asked: readonly Place[],
    private readonly places: readonly Place[],
  ) {}

  async work(claimed: readonly ClaimedInTransaction[], handle: unknown, work: () => Promise<unknown[]>) {
    const { delivery, asked, places } = this;
    const { batch } = delivery;
    this.begun = true;
    for (const [i, one] of claimed.entries()) this.look(asked[i]!, one);
    this.fresh = asked.filter(({ verdict }) => verdict === undefined);
    if (batch === undefined) {
      const { verdict } = asked[0]!;
      if (verdict !== undefined) return { value: settled(verdict) };
    } else {
      for (const { at, verdict } of places) if (verdict !== undefined) batch.settle(at, verdict.error);
      if (this.fresh.length === 0) return { value: [] };
      if (this.fresh.length < places.length) batch.keep(this.fresh.map(({ at }) => at));
    }
    delivery.setTransaction({ handle });
    let value: unknown[];
    try {
      value = await work();
    } finally {
      delivery.setTransaction(undefined);
    }
    const failed = this.fresh.filter(({ at }) => batch?.hasFailed(at) === true);
    if (failed.length > 0) throw new RolledBack(failed);
    const results = asked.map((place) =>
      this.fresh.includes(place) ? this.listener.resultOf(place, value) : undefined,
    );
    return { value, results };
  }

  /** The others did nothing wrong: they come again at once, without those that failed, and it counts as no attempt. */
  settleRolledBack({ failed }: RolledBack): readonly unknown[] {
    const { batch } = this.delivery;
    const bad = new Set(failed);
    const error = new PostponeError(
      0,
      `${failed.length} messages of its batch failed, whose transaction was rolled back`,
    );
    for (const place of this.fresh) if (!bad.has(place)) batch!.settle(place.at, error);
    return [];
  }

  private look(place: Place, claimed: ClaimedInTransaction): void {
    const { listener } = this;
    if (claimed.outcome === 'acquired') listener.outcomes.record('acquired', place.message.messageId);
    else if (claimed.outcome === 'completed') place.verdict = listener.skipped(place, claimed.result);
    else place.verdict = listener.conflict(place);
  }
}
