/** What a client has done since it was made. Plain numbers: read them whenever you like, they only cost an increment. */
export interface ClientCounters {
  /** Messages that the broker confirmed. */
  sent: number;
  /** Messages whose send was rejected in the end. */
  sendFailed: number;
  /** Attempts beyond the first. */
  sendRetried: number;
  onewaySent: number;
  onewayFailed: number;
  /** Deliveries whose handler settled, whatever the outcome. */
  consumed: number;
  acknowledged: number;
  /** Deliveries given to the broker (or, in orderly mode, to the queue) for another attempt. */
  retried: number;
  deadLettered: number;
  /** Messages that were given up without a handler, because they were alone in one when the process died. */
  processKillers: number;
  /** Failures without a second attempt: of broadcast listeners, of those that acknowledge first, and of requests, whose requester has the error. */
  failed: number;
  /** Times that a listener put a message off: this member kept it and called again later. */
  postponed: number;
  /** Messages that were given back, in orderly mode with their queue, because their handler took too long. */
  consumeTimeouts: number;
  /** Outcomes of messages that were given back or taken away before; they counted for nothing. */
  lateOutcomes: number;
  /** Messages that had expired when their turn came: dead letters, in broadcast groups dropped. */
  expired: number;
  /** Messages that matched the broker's hash filter but no listener's tag. */
  filtered: number;
  /** Times that a retry or dead letter could not be handed over and was kept for another try. */
  sendBackFailed: number;
  /** Replies that came after their request had timed out, or when there was one already. */
  lateReplies: number;
  requestsTimedOut: number;
  repliesSent: number;
  /** Replies that did not reach their requester. */
  repliesFailed: number;
  /** Requests that nobody waited for any more when they came: not handled. */
  requestsOverdue: number;
  pulls: number;
  pullFailed: number;
  rebalances: number;
  heartbeatFailed: number;
  /** Handlers that run at this moment. */
  inFlight: number;
}

export function createCounters(): ClientCounters {
  return {
    sent: 0,
    sendFailed: 0,
    sendRetried: 0,
    onewaySent: 0,
    onewayFailed: 0,
    consumed: 0,
    acknowledged: 0,
    retried: 0,
    deadLettered: 0,
    processKillers: 0,
    failed: 0,
    postponed: 0,
    consumeTimeouts: 0,
    lateOutcomes: 0,
    expired: 0,
    filtered: 0,
    sendBackFailed: 0,
    lateReplies: 0,
    requestsTimedOut: 0,
    repliesSent: 0,
    repliesFailed: 0,
    requestsOverdue: 0,
    pulls: 0,
    pullFailed: 0,
    rebalances: 0,
    heartbeatFailed: 0,
    inFlight: 0,
  };
}
