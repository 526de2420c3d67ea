import type { MessagingError } from '../../protocol/index.js';

/** RocketMQ's steps: a send that took so long keeps the broker out of the choice for so long (milliseconds, from the top). */
const AVOIDED_AFTER: readonly (readonly [took: number, avoided: number])[] = [
  [15_000, 30_000],
  [5_000, 10_000],
  [3_000, 6_000],
  [1_800, 5_000],
  [550, 2_000],
];
/** For a broker that cannot be reached. By then the route says that it is gone, or it is back. */
const UNREACHABLE_MILLIS = 2_000;
/** With latency measured, a failure counts as a send of 10 s. */
const FAILED_MILLIS = 10_000;

/**
 * Brokers that sends without a key go past for a while, if there are others: those that could not be reached; with latency
 * fault tolerance also those that failed or took long.
 */
export class BrokerFaults {
  /** Until when, on the monotonic clock. */
  private readonly avoided = new Map<string, number>();

  constructor(
    private readonly monotonic: () => number,
    private readonly measuresLatency: boolean,
  ) {}

  /** Nearly always: then choosing a queue costs nothing more. */
  get none(): boolean {
    return this.avoided.size === 0;
  }

  avoids(brokerName: string): boolean {
    const until = this.avoided.get(brokerName);
    if (until === undefined) return false;
    if (this.monotonic() < until) return true;
    this.avoided.delete(brokerName);
    return false;
  }

  answered(brokerName: string, startedAt: number): void {
    if (!this.measuresLatency) {
      if (this.avoided.size > 0) this.avoided.delete(brokerName);
      return;
    }
    const now = this.monotonic();
    const avoided = AVOIDED_AFTER.find(([took]) => now - startedAt >= took)?.[1];
    if (avoided === undefined) this.avoided.delete(brokerName);
    else this.avoided.set(brokerName, now + avoided);
  }

  /** Whether the broker seems to be away: then its place in the route is worth a look. */
  failed(brokerName: string, { code, retryable }: MessagingError): boolean {
    const unreachable = code === 'CONNECT_FAILED' || code === 'CHANNEL_CLOSED';
    if (this.measuresLatency && retryable) this.avoided.set(brokerName, this.monotonic() + FAILED_MILLIS);
    else if (unreachable) this.avoided.set(brokerName, this.monotonic() + UNREACHABLE_MILLIS);
    return unreachable;
  }
}
