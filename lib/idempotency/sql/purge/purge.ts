import { randomUUID } from 'node:crypto';
import type { RunningStore, StoreHost } from '../../store-life.js';
import type { SqlAdapter } from '../sql-adapter.js';
import { ElectedOwner } from './elected-owner.js';
import type { ResolvedPurge } from './purge-options.js';
import { deleteBatch, type PurgedTable } from './purged-table.js';

/** Of this process, since it began. @publicApi */
export interface PurgeCounts {
  readonly deleted: number;
  /** Statements that deleted something. */
  readonly batches: number;
  /** Times that the database could not be asked. */
  readonly failures: number;
  /** Whether it was this process's turn when it last asked. */
  readonly elected: boolean;
}

/** Of so many intervals without a word the elected one is taken for dead. */
const INTERVALS_OF_LEASE = 3;

/**
 * Deletes the rows of a table that are no longer needed, in small batches with pauses in between, in whichever process is
 * elected. Never rejects: what the database refuses is logged, once until it works again, and tried at the next interval.
 */
export class Purge<Tx> implements RunningStore {
  private readonly owner: ElectedOwner;
  private users = 0;
  private stopping: AbortController | undefined;
  private running: Promise<void> = Promise.resolve();
  private deleted = 0;
  private batches = 0;
  private failures = 0;
  private failing = false;
  private elected = false;

  constructor(
    private readonly adapter: SqlAdapter<Tx>,
    private readonly table: PurgedTable,
    private readonly options: ResolvedPurge,
  ) {
    const lease = INTERVALS_OF_LEASE * options.intervalMillis;
    this.owner = new ElectedOwner(adapter, `purge ${table.name}`, randomUUID(), lease);
  }

  get counts(): PurgeCounts {
    const { deleted, batches, failures, elected } = this;
    return { deleted, batches, failures, elected };
  }

  start(host: StoreHost): void {
    if (this.users++ > 0) return;
    const stopping = new AbortController();
    this.stopping = stopping;
    // One after the other also when it is stopped and started again at once.
    this.running = this.running.then(() => this.run(host, stopping.signal));
  }

  async stop(): Promise<void> {
    if (this.users === 0 || --this.users > 0) return;
    this.stopping?.abort();
    await this.running;
  }

  private async run(host: StoreHost, signal: AbortSignal): Promise<void> {
    const { intervalMillis, jitter } = this.options;
    // At first at any time of an interval: a fleet is started at once, and what lives shortly need not clean up.
    let wait = host.random.next() * intervalMillis;
    while (await sleeps(host, wait, signal)) {
      await this.round(host, signal);
      wait = intervalMillis * (1 + jitter * (2 * host.random.next() - 1));
    }
    if (this.elected) await this.attempt(host, () => this.owner.resign());
    this.elected = false;
  }

  /** Deletes until nothing is due any more, as long as it is ours to do. */
  private async round(host: StoreHost, signal: AbortSignal): Promise<void> {
    const { batchSize, pauseMillis } = this.options;
    const leaseThird = this.owner.leaseMillis / 3;
    this.elected = (await this.attempt(host, () => this.owner.claim())) ?? false;
    let claimedAt = host.clock.monotonic();
    while (this.elected && !signal.aborted) {
      const deleted = (await this.attempt(host, () => deleteBatch(this.adapter, this.table, batchSize))) ?? 0;
      if (deleted > 0) this.batches++;
      this.deleted += deleted;
      // Fewer than a batch: what is left is in use, or nothing.
      if (deleted < batchSize || !(await sleeps(host, pauseMillis, signal))) return;
      if (host.clock.monotonic() - claimedAt < leaseThird) continue;
      this.elected = (await this.attempt(host, () => this.owner.claim())) ?? false;
      claimedAt = host.clock.monotonic();
    }
  }

  private async attempt<T>({ logger }: StoreHost, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const value = await work();
      if (this.failing) logger.log(`${this.table.name} is cleaned up again`);
      this.failing = false;
      return value;
    } catch (error) {
      this.failures++;
      if (!this.failing)
        logger.error(`${this.table.name} cannot be cleaned up; it is tried again each interval`, error);
      this.failing = true;
      return undefined;
    }
  }
}

/** False: it was stopped meanwhile. */
async function sleeps({ clock }: StoreHost, millis: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(millis, signal);
    return true;
  } catch {
    return false;
  }
}
