import type { ClientCounters } from './counters.js';

/** What became of the deliveries of one listener. */
export interface OutcomeCounts {
  acknowledged: number;
  retried: number;
  deadLettered: number;
  /** In a broadcast group, or at most once: without retries; and requests, whose error is the reply. */
  failed: number;
  /** Kept by this member, to call the listener again later; one delivery may be postponed many times. */
  postponed: number;
}

export function createOutcomeCounts(): OutcomeCounts {
  return { acknowledged: 0, retried: 0, deadLettered: 0, failed: 0, postponed: 0 };
}

interface Counted {
  readonly listener: { readonly counts: OutcomeCounts } | undefined;
}

/** Counts the outcome of a delivery, for its client and for its listener. */
export function countOutcome(counters: ClientCounters, delivery: Counted, outcome: keyof OutcomeCounts): void {
  counters[outcome]++;
  // One that cannot be given to a listener at all has none.
  if (delivery.listener !== undefined) delivery.listener.counts[outcome]++;
}

/** What became of the sends to one topic. */
export interface SendCounts {
  /** Confirmed by the broker. */
  sent: number;
  failed: number;
  /** Given to the network without waiting for an answer. */
  oneWay: number;
}

/** An application that makes up topic names as it goes must not grow without bound. */
const MOST_TOPICS = 1000;
const OTHER_TOPICS = 'other';

/** Counts sends by topic. */
export class TopicSends {
  readonly byTopic = new Map<string, SendCounts>();
  private lastTopic = '';
  private last: SendCounts | undefined;

  of(topic: string): SendCounts {
    // Mostly the same string object again, which compares by address.
    if (topic === this.lastTopic && this.last !== undefined) return this.last;
    const name = this.byTopic.has(topic) || this.byTopic.size < MOST_TOPICS ? topic : OTHER_TOPICS;
    let counts = this.byTopic.get(name);
    if (counts === undefined) this.byTopic.set(name, (counts = { sent: 0, failed: 0, oneWay: 0 }));
    this.lastTopic = topic;
    this.last = counts;
    return counts;
  }
}
