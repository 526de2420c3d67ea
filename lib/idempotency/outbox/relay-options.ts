/** Of one relay. Times in milliseconds. */
export interface OutboxRelayOptions {
  /** How often it looks without being woken. Default: 1,000. */
  readonly pollMillis: number;
  /** Rows that it takes at a time. Default: 500. */
  readonly batchSize: number;
  /** Of the 64 lanes, those that it takes at a time: the others are left to other relays. Default: 16. */
  readonly lanes: number;
  /** How long its lanes are its own: as long nobody sends their rows after it has died. Default: 10,000. */
  readonly leaseMillis: number;
}

export const RELAY_DEFAULTS: OutboxRelayOptions = { pollMillis: 1000, batchSize: 500, lanes: 16, leaseMillis: 10_000 };

/** What a relay has done since it was made. */
export interface OutboxRelayCounters {
  /** Rows that were sent and marked. */
  sent: number;
  /** Of them those that may have been sent before: after a failure, or first in a lane whose relay died. */
  resent: number;
  /** Sends that failed and are tried again. */
  retried: number;
  /** Rows that were found to be impossible to send. */
  failed: number;
  /** Lanes that were taken over from a relay that did not give them back. */
  lanesTakenOver: number;
  /** Times that the database could not be asked. */
  databaseFailures: number;
}

export function createRelayCounters(): OutboxRelayCounters {
  return { sent: 0, resent: 0, retried: 0, failed: 0, lanesTakenOver: 0, databaseFailures: 0 };
}
