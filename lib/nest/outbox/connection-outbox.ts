import { reasonText } from '../../client/index.js';
import { OutboxRelay, type OutboxRelayCounters, type OutboxStatus } from '../../idempotency/index.js';
import type { Clock, Logger } from '../../platform/index.js';
import type { Producer } from '../../client/index.js';
import type { ResolvedOutbox } from './outbox-options.js';

/** What an outbox is and does at this moment. */
export interface OutboxReport {
  /** Undefined when the database could not be asked. */
  readonly status: OutboxStatus | undefined;
  /** Why it could not. */
  readonly problem: string | undefined;
  /** Undefined when others relay. */
  readonly counters: Readonly<OutboxRelayCounters> | undefined;
}

/** The outbox of one connection, and its relay when this process has one. */
export class ConnectionOutbox {
  private relay: OutboxRelay | undefined;

  constructor(
    private readonly outbox: ResolvedOutbox,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  start(producer: Producer): void {
    const { store, relay } = this.outbox;
    if (relay === undefined || this.relay !== undefined) return;
    this.relay = new OutboxRelay({ outbox: store, producer, clock: this.clock, logger: this.logger }, relay);
    this.relay.start();
  }

  /** What is under way is marked; what waits is left to the next relay. */
  async stop(budgetMillis: number): Promise<void> {
    await this.relay?.stop(budgetMillis);
  }

  /** Rejects never, and takes no longer than that. */
  async report(patienceMillis: number): Promise<OutboxReport> {
    const counters = this.relay?.counters;
    const waited = new AbortController();
    const late = this.clock.sleep(patienceMillis, waited.signal).then(
      () => ({ status: undefined, problem: `no answer within ${patienceMillis} ms`, counters }),
      () => undefined,
    );
    const asked = this.outbox.store.status().then(
      (status) => ({ status, problem: undefined, counters }),
      (error: unknown) => ({ status: undefined, problem: reasonText(error), counters }),
    );
    const report = (await Promise.race([asked, late]))!;
    waited.abort();
    return report;
  }
}
