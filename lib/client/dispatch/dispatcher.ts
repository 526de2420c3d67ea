import type { ClientCore } from '../connection/client-core.js';
import type { ClientCounters } from '../counters.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import type { CompleteBinding } from '../options.js';
import { isOverdue, OVERDUE } from '../requests/replies.js';
import { MessageExpiredError } from '../settle/expiry.js';
import { ACKNOWLEDGED, type FinalSettlement, type Settlement } from '../settle/settle.js';

/** What a listener gives; nothing acknowledges. */
export type Outcome = Awaited<ReturnType<CompleteBinding['handle']>>;

/** Brings fetched messages to their listeners and settles what becomes of them. One kind per consume mode. */
export interface Dispatcher {
  accept(queue: ProcessQueue, deliveries: readonly Delivery[]): void;
  /** After a pause has ended. */
  wake(): void;
  /** After queues have been given up. */
  sweep?(): void;
}

/** What becomes of a delivery whose handler has settled. Must complete it in its queue, at once or later; never rejects. */
export type SettleDelivery = (delivery: Delivery, settlement: FinalSettlement) => void | Promise<void>;

/** Whether the whole group is paused; listeners carry their own flag. */
export interface PauseState {
  readonly paused: boolean;
}

/** What keeps a message from its handler, and settles it; undefined: nothing. */
export function refusalOf(delivery: Delivery, core: ClientCore): FinalSettlement | undefined {
  if (delivery.fault !== undefined) return { kind: 'dead-letter', error: delivery.fault };
  if (delivery.expiresAt !== 0) {
    const now = core.platform.clock.now();
    if (now >= delivery.expiresAt) {
      core.counters.expired++;
      return { kind: 'dead-letter', error: new MessageExpiredError(delivery.expiresAt, now) };
    }
  }
  if (delivery.isRequest && isOverdue(delivery, core.platform.clock.now())) {
    core.counters.requestsOverdue++;
    return OVERDUE;
  }
  return undefined;
}

/** Calls the listener, or says what keeps it from being called. May throw what the handler throws. */
export function callListener(
  delivery: Delivery,
  core: ClientCore,
  signal: AbortSignal = delivery.queue.handlerSignal,
): Outcome | Promise<Outcome> {
  const refusal = refusalOf(delivery, core);
  if (refusal !== undefined) return refusal;
  const { binding, times } = delivery.listener!;
  const message = new ReceivedMessage(delivery.record, delivery);
  if (!times.due()) return binding.handle(message, signal);
  return times.timed(core.platform.clock, () => binding.handle(message, signal));
}

/**
 * Calls the listener once and counts it. Never throws or rejects: a handler that throws has failed. One that ends at once
 * gives its outcome at once: a promise for each message cost more than the rest of its way (measured).
 */
export function runHandler(
  delivery: Delivery,
  core: ClientCore,
  signal?: AbortSignal,
): Settlement | Promise<Settlement> {
  const { counters } = core;
  counters.inFlight++;
  let outcome: Outcome | Promise<Outcome>;
  try {
    outcome = callListener(delivery, core, signal);
  } catch (error) {
    outcome = { kind: 'retry', error };
  }
  if (isPending(outcome)) return outcomeOf(outcome, counters);
  counters.inFlight--;
  counters.consumed++;
  return outcome ?? ACKNOWLEDGED;
}

async function outcomeOf(pending: Promise<Outcome>, counters: ClientCounters): Promise<Settlement> {
  try {
    return (await pending) ?? ACKNOWLEDGED;
  } catch (error) {
    return { kind: 'retry', error };
  } finally {
    counters.inFlight--;
    counters.consumed++;
  }
}

/** Also of promises that are not ours. */
export function isPending<T extends object>(value: T | void | Promise<T | void>): value is Promise<T | void> {
  return value !== undefined && typeof (value as { then?: unknown }).then === 'function';
}
