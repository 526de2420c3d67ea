import type { SubscriptionData } from '../bodies/heartbeat.js';
import type { MessageFilter } from './message-filter.js';
import { parseTagExpression } from './tag.js';

/** RocketMQ's name for expressions in SQL. */
export const SQL92 = 'SQL92';
export const TAG = 'TAG';

/** What a heartbeat says of one subscription by tags. `version`: milliseconds since 1970, raised with every change. */
export function buildSubscriptionData(
  topic: string,
  expression: string | undefined,
  version: number,
): SubscriptionData {
  const filter = parseTagExpression(expression);
  return {
    topic,
    subString: filter.expression,
    tagsSet: [...filter.tags],
    codeSet: [...filter.codes],
    subVersion: version,
    expressionType: TAG,
    classFilterMode: false,
  };
}

/**
 * The same for all listeners that a group has for a topic. What tags alone can say is said by tags, a single selector by
 * SQL92. RocketMQ knows nothing else: the rest subscribes to everything and says in a field of our own what it wants, so
 * that Apache's broker sends everything and ours what is wanted. The client looks again in any case.
 */
export function subscriptionOf(topic: string, filters: readonly MessageFilter[], version: number): SubscriptionData {
  if (filters.some((filter) => filter.matchesAll)) return buildSubscriptionData(topic, '*', version);
  if (filters.every((filter) => filter.plain)) {
    return buildSubscriptionData(topic, filters.flatMap(({ tags }) => tags.tags).join(' || '), version);
  }
  const everything = buildSubscriptionData(topic, '*', version);
  const selector = filters.length === 1 ? filters[0]!.spec.selector : undefined;
  if (selector !== undefined) return { ...everything, subString: selector, expressionType: SQL92 };
  return { ...everything, NESTMQ_FILTERS: filters.map(({ spec }) => spec) };
}
