import type { Delivery } from '../consumer/process-queue.js';
import type { FinalSettlement } from './settle.js';

/**
 * Milliseconds until the next attempt: what the handler asked for, otherwise the listener's `backoff`, otherwise
 * undefined (the broker's ladder, or the queue's pause in orderly mode).
 */
export function retryDelay(delivery: Delivery, settlement: FinalSettlement): number | undefined {
  if (settlement.kind === 'retry' && settlement.delayMillis !== undefined) return settlement.delayMillis;
  const backoff = delivery.listener?.binding.backoff;
  if (backoff === undefined) return undefined;
  const millis =
    typeof backoff === 'function' ? backoff(delivery.attempt) : backoff[Math.min(delivery.attempt, backoff.length) - 1];
  return millis === undefined || !Number.isFinite(millis) ? undefined : Math.max(0, Math.round(millis));
}
