import type { ConsumeMode, DeliveryGuarantee } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { ListenerDefinition } from './listener-definition.js';

/** One group on one connection: a consumer with the listeners among which it shares its messages out. */
export interface ConsumerPlan {
  readonly connection: string;
  readonly group: string;
  readonly mode: ConsumeMode;
  readonly delivery: DeliveryGuarantee;
  readonly from: 'latest' | 'earliest' | Date;
  readonly listeners: ListenerDefinition[];
}

/** Puts the listeners of a group together; throws CONFIGURATION when they contradict each other. */
export function planConsumers(listeners: readonly ListenerDefinition[]): ConsumerPlan[] {
  const plans = new Map<string, ConsumerPlan>();
  for (const listener of listeners) {
    // A group's name has no space.
    const key = `${listener.connection} ${listener.group}`;
    const plan = plans.get(key);
    if (plan === undefined) {
      const { connection, group, mode, delivery, from } = listener;
      plans.set(key, { connection, group, mode, delivery, from, listeners: [listener] });
      continue;
    }
    for (const other of plan.listeners) checkPair(other, listener);
    plan.listeners.push(listener);
  }
  return [...plans.values()];
}

function checkPair(a: ListenerDefinition, b: ListenerDefinition): void {
  const pair = `${describe(a)} and ${describe(b)} are both in group ${a.group}`;
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
  const twice = a.host.prototype === b.host.prototype && a.methodName === b.methodName && a.host !== b.host;
  const cure = twice
    ? `${a.host.name} is provided by ${a.host.moduleName} and by ${b.host.moduleName}: provide it once and export it`
    : `a message goes to one listener of a group: give them ${exclusive(a, b)}, or one of them another group`;
  throw new MessagingError(
    'CONFIGURATION',
    `${pair} and could match the same message of ${a.topic} (${a.filter.expression} and ${b.filter.expression}); ${cure}`,
  );
}

function exclusive(a: ListenerDefinition, b: ListenerDefinition): string {
  if (a.filter.plain && b.filter.plain) return 'different tags';
  return 'tags, or conditions on one property, that exclude each other (what cannot be shown to be exclusive is refused)';
}

function describe(listener: ListenerDefinition): string {
  return `${listener.name} (${listener.host.moduleName})`;
}

function startOf(listener: ListenerDefinition): string {
  return listener.from instanceof Date ? listener.from.toISOString() : listener.from;
}
