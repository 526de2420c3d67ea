import { isRunningStore, type RunningStore, type StoreHost } from '../../idempotency/index.js';

/** Stores of a connection with work of their own beside the messages, such as cleaning up; each is started once. */
export class RunningStores {
  private readonly stores = new Set<RunningStore>();
  private running = false;

  constructor(private readonly host: StoreHost) {}

  /** Whatever a listener keeps its marks in. */
  use(store: object): void {
    if (!isRunningStore(store) || this.stores.has(store)) return;
    this.stores.add(store);
    if (this.running) store.start(this.host);
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    for (const store of this.stores) store.start(this.host);
  }

  /** Resolves when they have ended, or after the budget: a database that does not answer must not keep a process from ending. */
  async stop(budgetMillis: number): Promise<void> {
    if (!this.running) return;
    this.running = false;
    const waited = new AbortController();
    const late = this.host.clock.sleep(budgetMillis, waited.signal).catch(() => undefined);
    const stopped = Promise.allSettled([...this.stores].map((store) => store.stop()));
    const results = await Promise.race([stopped, late]);
    waited.abort();
    for (const result of results ?? []) {
      if (result.status === 'rejected') this.host.logger.error('a store did not stop cleanly', result.reason);
    }
  }
}
