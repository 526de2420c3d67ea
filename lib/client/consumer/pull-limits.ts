import { FLOW_LIMITS, type ProcessQueue } from './process-queue.js';

/** What one pull may bring; bytes undefined: what the broker thinks right. */
export interface PullLimits {
  readonly messages: number;
  readonly bytes: number | undefined;
}

/** Java clients ask for so many, and brokers of RocketMQ give no more from memory, whatever is asked. */
const APACHE_MESSAGES = 32;
/**
 * From our own broker a pull brings what a turn of the event loop can take apart. Measured with 1 KiB messages over TCP:
 * a pull of 32 cost either end a write to the socket for each 33 KiB. A queue has one pull under way, and what that waits for is
 * waited for half as often with 512 KiB as with 256.
 */
const MOST_MESSAGES = 512;
const MOST_BYTES = 512 * 1024;

/** @param wanted Messages per pull, when the application has said so. */
export function pullLimits(wanted: number | undefined, ours: boolean, queue: ProcessQueue): PullLimits {
  if (wanted !== undefined || !ours) return { messages: wanted ?? APACHE_MESSAGES, bytes: undefined };
  // As with Apache's 32, the limits may be overshot by one small pull, and no pull is for a handful of messages.
  const room = Math.max(APACHE_MESSAGES, FLOW_LIMITS.messages - queue.size);
  return { messages: Math.min(MOST_MESSAGES, room), bytes: MOST_BYTES };
}
