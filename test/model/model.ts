import type { Ending, Failing, Group, Outcome, Planned } from './plan.js';

// The reference: what a message becomes in a group, read off its script. It knows nothing of queues, positions or disks.

export const GROUPS: readonly Group[] = ['work', 'line', 'some'];
export const MAX_RETRIES = 2;
export const BACKOFF: Readonly<Record<Failing, readonly number[]>> = { work: [100, 1_500], line: [200] };
export const LATER_MILLIS = 700;

/** One message that was handed to a sending verb. */
export interface Sent {
  readonly id: number;
  readonly planned: Planned;
  readonly key?: string;
  readonly ending?: Ending;
  /** Milliseconds since 1970: not to be seen before. */
  readonly notBefore: number;
  /** `open` until the sender knows; then `stored`, or `unsure` when the broker went away or the send failed. */
  state: 'open' | 'stored' | 'unsure';
  /** When the sender knew. */
  storedAt: number;
}

export interface Fate {
  readonly attempts: number;
  readonly end: 'acknowledged' | 'dead letter';
  readonly errorClass?: string;
}

export function outcomeOf(planned: Planned, group: Group, attempt: number): Outcome {
  return group === 'some' ? 'ack' : (planned[group][attempt - 1] ?? 'ack');
}

export function fateOf(planned: Planned, group: Group): Fate {
  for (let attempt = 1; ; attempt++) {
    const outcome = outcomeOf(planned, group, attempt);
    if (outcome === 'ack' || outcome === 'hold') return { attempts: attempt, end: 'acknowledged' };
    if (outcome === 'reject') return { attempts: attempt, end: 'dead letter', errorClass: 'RejectMessageError' };
    if (attempt > MAX_RETRIES) {
      return { attempts: attempt, end: 'dead letter', errorClass: outcome === 'later' ? 'RetryLaterError' : 'Error' };
    }
  }
}

/** Milliseconds from the failure of an attempt to the next one. */
export function delayAfter(planned: Planned, group: Group, attempt: number): number {
  if (group === 'some') return 0;
  if (outcomeOf(planned, group, attempt) === 'later') return LATER_MILLIS;
  const ladder = BACKOFF[group];
  return ladder[Math.min(attempt, ladder.length) - 1]!;
}

/** Whether the group is ever to see it. */
export function isFor({ planned, ending }: Sent, group: Group): boolean {
  if (ending?.startsWith('rollback') === true) return false;
  return group !== 'some' || planned.kind === 'a';
}
