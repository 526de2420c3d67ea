import type { ConsumeMode, DeliveryGuarantee } from '../../client/index.js';
import { type MessageFilter, MessagingError } from '../../protocol/index.js';

/** What of a listener decides whether it goes together with the others of its group. */
export interface Planned {
  readonly connection: string;
  readonly group: string;
  readonly topic: string;
  readonly filter: MessageFilter;
  readonly mode: ConsumeMode;
  readonly from: 'latest' | 'earliest' | Date;
  readonly delivery: DeliveryGuarantee;
}

/** One group on one connection: a consumer with the listeners among which it shares its messages out. */
export interface ConsumerPlan<L extends Planned> {
  readonly connection: string;
  readonly group: string;
  readonly mode: ConsumeMode;
  readonly delivery: DeliveryGuarantee;
  readonly from: 'latest' | 'earliest' | Date;
  readonly listeners: L[];
}

/** How listeners are spoken of. */
export interface PlanWords<L> {
  describe(listener: L): string;
  /** What to do when the two are one and the same, found twice; undefined when they are not. */
  twice?(a: L, b: L): string | undefined;
}

/** Puts the listeners of a group together; throws CONFIGURATION when they contradict each other. */
export function planConsumers<L extends Planned>(listeners: readonly L[], words: PlanWords<L>): ConsumerPlan<L>[] {
  const plans = new Map<string, ConsumerPlan<L>>();
  for (const listener of listeners) {
    // A group's name has no space.
    const key = `${listener.connection} ${listener.group}`;
    const plan = plans.get(key);
    if (plan === undefined) {
      const { connection, group, mode, delivery, from } = listener;
      plans.set(key, { connection, group, mode, delivery, from, listeners: [listener] });
      continue;
    }
    for (const other of plan.listeners) checkPair(other, listener, words);
    plan.listeners.push(listener);
  }
  return [...plans.values()];
}

function checkPair<L extends Planned>(a: L, b: L, words: PlanWords<L>): void {
  const pair = `${words.describe(a)} and ${words.describe(b)} are both in group ${a.group}`;
  if (a.mode !== b.mode) {
    throw new MessagingError(
      'CONFIGURATION',
      `${pair}, but one is ${a.mode} and the other ${b.mode}: give one of them another group`,
    );
  }
  if (a.delivery !== b.delivery) {
    throw new MessagingError(
      'CONFIGURATION',
      `${pair}, but one is delivered ${a.delivery} and the other ${b.delivery}: give one of them another group`,
    );
  }
  if (+new Date(a.from) !== +new Date(b.from) && a.from !== b.from) {
    throw new MessagingError(
      'CONFIGURATION',
      `${pair}, but one starts from ${startOf(a)} and the other from ${startOf(b)}: a group has one start position`,
    );
  }
  if (a.topic !== b.topic || !a.filter.overlaps(b.filter)) return;
  const cure =
    words.twice?.(a, b) ??
    `a message goes to one listener of a group: give them ${exclusive(a, b)}, or one of them another group`;
  throw new MessagingError(
    'CONFIGURATION',
    `${pair} and could match the same message of ${a.topic} (${a.filter.expression} and ${b.filter.expression}); ${cure}`,
  );
}

function exclusive(a: Planned, b: Planned): string {
  if (a.filter.plain && b.filter.plain) return 'different tags';
  return 'tags, or conditions on one property, that exclude each other (what cannot be shown to be exclusive is refused)';
}

function startOf(listener: Planned): string {
  return listener.from instanceof Date ? listener.from.toISOString() : listener.from;
}
