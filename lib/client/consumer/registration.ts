import { buildSubscriptionData, type ConsumeFromWhere, type ConsumerData } from '../../protocol/index.js';
import { ConsumeMode } from '../consume-mode.js';
import type { GroupContext } from './group-context.js';
import type { ListenerTable } from './listener-table.js';
import type { ConsumerSettings } from '../options.js';

/** What brokers are told of a group with every heartbeat. */
export function registrationOf(
  { core, settings, retryTopic }: GroupContext,
  listeners: ListenerTable,
  version: number,
): ConsumerData {
  const { group, mode, from } = settings;
  const subscriptions = listeners.subscriptions(version);
  const broadcast = mode === ConsumeMode.BROADCAST;
  if (!broadcast) subscriptions.push(buildSubscriptionData(retryTopic, '*', version));
  return {
    groupName: group,
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: broadcast ? 'BROADCASTING' : 'CLUSTERING',
    consumeFromWhere: consumeFromWhere(from),
    // Of one that lies ahead nothing can be looked up yet.
    startAt: from instanceof Date && from.getTime() <= core.platform.clock.now() ? from.getTime() : undefined,
    subscriptionDataSet: subscriptions,
    unitMode: false,
  };
}

function consumeFromWhere(from: ConsumerSettings['from']): ConsumeFromWhere {
  if (from === 'latest') return 'CONSUME_FROM_LAST_OFFSET';
  return from === 'earliest' ? 'CONSUME_FROM_FIRST_OFFSET' : 'CONSUME_FROM_TIMESTAMP';
}
