import { PostponeError, RetryLaterError } from '../client/index.js';
import type { IdempotentDelivery } from './delivery.js';
import type { IdempotentListener, Place, Verdict } from './idempotent-listener.js';
import { type KeptLease, LeaseKeeper } from './lease-keeper.js';
import { type Claimed, type Completed, type Held, type IdempotencyStore } from './store.js';
import { StoreCalls } from './store-calls.js';
import { Unmarked, type UnmarkedEntry } from './unmarked.js';

/** A store that takes longer counts as one that cannot be asked. */
const STORE_LIMIT_MILLIS = 5_000;
/** An attempt that is at work may end long before its lease: how long a duplicate waits at the most before it looks again. */
const BUSY_LOOK_MILLIS = 5_000;
/** Calls a listener whose store knows leases: acquire, handle, complete. */
export class LeasedCalls {
  private readonly calls: StoreCalls;
  private readonly keeper: LeaseKeeper;
  /** Handled here, but the store could not be told. They must not be handled again when they come again. */
  private readonly unmarked: Unmarked;

  constructor(
    private readonly store: IdempotencyStore,
    private readonly listener: IdempotentListener,
  ) {
    const { leaseMillis } = listener.options;
    const { clock } = listener.host;
    this.calls = new StoreCalls(store.name, Math.min(STORE_LIMIT_MILLIS, leaseMillis / 3), clock);
    this.keeper = new LeaseKeeper(store, this.calls, leaseMillis, clock, (error) => listener.health.failed(error));
    this.unmarked = new Unmarked((completed) => this.mark(completed), this.keeper, listener.health, clock);
  }

  /** Rejects with what settles the message, of a delivery without batch; otherwise with what the handler threw. */
  async run(delivery: IdempotentDelivery, work: () => Promise<unknown[]>): Promise<readonly unknown[]> {
    const { batch } = delivery;
    const places = this.listener.places(delivery.messages);
    const leases = new Map<Place, KeptLease>();
    await this.acquire(places, leases, delivery);
    const fresh = places.filter(({ verdict }) => verdict === undefined);
    if (batch === undefined) {
      const { verdict } = places[0]!;
      if (verdict !== undefined) return settled(verdict);
    } else {
      for (const { at, verdict } of places) if (verdict !== undefined) batch.settle(at, verdict.error);
      if (fresh.length === 0) return [];
      if (fresh.length < places.length) batch.keep(fresh.map(({ at }) => at));
    }
    let values: unknown[];
    try {
      values = await work();
    } catch (error) {
      await this.release(fresh, leases, error);
      const { verdict } = fresh[0]!;
      if (batch === undefined && verdict !== undefined) return settled(verdict);
      for (const place of fresh) if (place.verdict !== undefined) batch!.settle(place.at, place.verdict.error);
      throw error;
    }
    const failed = fresh.filter(({ at }) => batch?.hasFailed(at) === true);
    const done = failed.length === 0 ? fresh : fresh.filter((place) => !failed.includes(place));
    await Promise.all([this.release(failed, leases, undefined), this.complete(done, leases, values)]);
    if (batch === undefined) {
      const { verdict } = fresh[0]!;
      return verdict === undefined ? values : settled(verdict);
    }
    for (const { at, verdict } of fresh) if (verdict !== undefined) batch.settle(at, verdict.error);
    return values;
  }

  private async acquire(places: readonly Place[], leases: Map<Place, KeptLease>, delivery: IdempotentDelivery) {
    const { listener } = this;
    const { closedMillis } = listener.health;
    const asked = places.filter(({ verdict }) => verdict === undefined);
    if (asked.length === 0) return;
    if (closedMillis > 0) return this.withoutStore(asked, closedMillis, undefined);
    const marked = this.unmarked.size === 0 ? undefined : await this.markLate(asked);
    const open = marked === undefined ? asked : asked.filter((place) => !marked.has(place));
    if (open.length === 0) return;
    const { leaseMillis } = listener.options;
    const begun = listener.host.clock.monotonic();
    const claims = open.map(({ claim }) => claim);
    let answers: Claimed[];
    try {
      answers = await this.calls.call(
        'acquire',
        claims.length,
        () => this.store.acquire(claims, leaseMillis),
        (late) => this.giveBackLate(open, late),
      );
    } catch (error) {
      return this.withoutStore(open, listener.health.failed(error), error);
    }
    listener.health.answered();
    for (const [i, claimed] of answers.entries()) {
      const place = open[i]!;
      if (claimed.outcome === 'acquired') {
        listener.outcomes.record('acquired', place.message.messageId);
        leases.set(place, this.keep(place, claimed.token, begun + leaseMillis, delivery));
      } else place.verdict = this.verdictOf(place, claimed);
    }
    if (leases.size > 0) delivery.watch(() => this.keeper.look(leases.values()));
  }

  private verdictOf(place: Place, claimed: Exclude<Claimed, { outcome: 'acquired' }>): Verdict {
    const { listener } = this;
    if (claimed.outcome === 'completed') return listener.skipped(place, claimed.result);
    if (claimed.outcome === 'conflict') return listener.conflict(place);
    listener.outcomes.record('busy', place.message.messageId);
    return { error: this.busy(claimed.retryAfterMillis) };
  }

  private busy(leftMillis: number): Error {
    const reason = `another attempt at the message is at work, for at most ${Math.ceil(leftMillis)} ms unless it goes on`;
    if (this.listener.options.onBusy === 'retry') return new RetryLaterError(leftMillis, reason);
    return new PostponeError(Math.min(leftMillis, BUSY_LOOK_MILLIS), reason);
  }

  private keep(place: Place, token: string, until: number, delivery: IdempotentDelivery): KeptLease {
    const { claim, message } = place;
    const lost = (): void => {
      const text = `the lease on message ${message.messageId} of ${message.topic} ended while it was handled`;
      this.listener.host.logger.warn(`${text}; somebody else may take over, and the handler's signal fires`);
      delivery.abort(new Error(text));
    };
    const lease: KeptLease = { key: claim.key, token, until, signal: delivery.signal, lost };
    this.keeper.keep(lease);
    return lease;
  }

  /** As `failurePolicy` says. */
  private withoutStore(places: readonly Place[], delayMillis: number, cause: unknown): void {
    const { listener } = this;
    for (const { message } of places) listener.outcomes.record('store-error', message.messageId);
    if (listener.options.failurePolicy === 'open') {
      listener.outcomes.unprotected += places.length;
      return;
    }
    const verdict = listener.waitForStore(delayMillis, cause);
    for (const place of places) place.verdict = verdict;
  }

  private async complete(places: readonly Place[], leases: Map<Place, KeptLease>, values: readonly unknown[]) {
    const { listener } = this;
    const done = places.filter((place) => leases.has(place));
    if (done.length === 0) return;
    const completed = done.map((place): Completed => {
      const { key, token } = leases.get(place)!;
      return { key, token, result: listener.resultOf(place, values) };
    });
    let answers: boolean[];
    try {
      answers = await this.mark(completed);
    } catch (error) {
      const delay = listener.health.failed(error);
      for (const [i, place] of done.entries()) {
        listener.outcomes.record('store-error', place.message.messageId);
        if (listener.options.failurePolicy === 'open') this.keeper.drop(leases.get(place)!);
        else {
          this.unmarked.add(completed[i]!, leases.get(place)!, values, place.message.isRequest);
          place.verdict = listener.waitForStore(delay, error);
        }
      }
      return;
    }
    listener.health.answered();
    for (const [i, isMarked] of answers.entries()) {
      this.keeper.drop(leases.get(done[i]!)!);
      if (!isMarked) this.lost(done[i]!, 'handled it', undefined);
    }
  }

  private mark(completed: readonly Completed[]): Promise<boolean[]> {
    const { ttlMillis } = this.listener.options;
    return this.calls.call('complete', completed.length, () => this.store.complete(completed, ttlMillis));
  }

  /** Lets the next attempt begin. A store that cannot be told lets it begin when the lease ends. */
  private async release(places: readonly Place[], leases: Map<Place, KeptLease>, cause: unknown): Promise<void> {
    const { listener } = this;
    const failed = places.filter((place) => leases.has(place));
    if (failed.length === 0) return;
    const held = failed.map((place) => leases.get(place)!);
    for (const lease of held) this.keeper.drop(lease);
    try {
      const answers = await this.calls.call('release', held.length, () => this.store.release(held));
      for (const [i, released] of answers.entries()) if (!released) this.lost(failed[i]!, 'failed', cause);
      listener.health.answered();
    } catch (error) {
      listener.health.failed(error);
      for (const { message } of failed) listener.outcomes.record('store-error', message.messageId);
    }
  }

  /** The lease went to somebody else, who decides what becomes of the message. */
  private lost(place: Place, what: string, cause: unknown): void {
    const { listener } = this;
    const { messageId, topic } = place.message;
    listener.outcomes.record('lost-lease', messageId);
    const reason = `the attempt that ${what} had lost its lease on message ${messageId} of ${topic}`;
    listener.host.logger.warn(`${reason}: it is not acknowledged by this one, but looked at again`);
    place.verdict = { error: new PostponeError(BUSY_LOOK_MILLIS, reason, { cause }) };
  }

  /** Settles what was handled here while the store could not be told. Gives those that need no further claim. */
  private async markLate(places: readonly Place[]): Promise<Set<Place>> {
    const { listener, unmarked } = this;
    const entries = new Map<Place, UnmarkedEntry>();
    for (const place of places) {
      const entry = unmarked.get(place.claim.key);
      if (entry !== undefined) entries.set(place, entry);
    }
    if (entries.size === 0) return new Set();
    try {
      await unmarked.tell();
    } catch (error) {
      const verdict = listener.storeFailed([...entries.keys()], error);
      for (const place of entries.keys()) place.verdict = verdict;
      return new Set(entries.keys());
    }
    for (const [place, entry] of entries) {
      unmarked.forget(place.claim.key);
      if (entry.state === 'marked') {
        // The message itself and a duplicate of it may both have waited for this answer.
        if (entry.used) listener.outcomes.record('skipped', place.message.messageId);
        entry.used = true;
        place.verdict = { values: entry.values };
      } else this.lost(place, 'handled it', undefined);
    }
    return new Set(entries.keys());
  }

  /** The store acquired for an attempt that did not wait any longer: nobody would come back for these leases. */
  private giveBackLate(places: readonly Place[], answers: readonly Claimed[]): void {
    const held: Held[] = [];
    for (const [i, claimed] of answers.entries()) {
      if (claimed.outcome === 'acquired') held.push({ key: places[i]!.claim.key, token: claimed.token });
    }
    if (held.length === 0) return;
    this.calls
      .call('release', held.length, () => this.store.release(held))
      .catch((error: unknown) => this.listener.health.failed(error));
  }
}

/** What settles a single message: thrown, or what its requester gets. */
export function settled({ error, values = [] }: Verdict): readonly unknown[] {
  if (error !== undefined) throw error as Error;
  return values;
}
