import { asObject, numberOf, readObject, tableOf, writeJson } from './json-fields.js';

/** One group of the answer to GET_ALL_SUBSCRIPTIONGROUP_CONFIG. */
export interface SubscriptionGroup {
  groupName: string;
  /** Retries after which a message becomes a dead letter. */
  retryMaxTimes: number;
  retryQueueNums: number;
}

export function encodeSubscriptionGroups(groups: readonly SubscriptionGroup[]): Buffer {
  // What RocketMQ's tools show beside; here it cannot be set.
  const rest = {
    brokerId: 0,
    consumeBroadcastEnable: true,
    consumeEnable: true,
    consumeFromMinEnable: true,
    notifyConsumerIdsChangedEnable: true,
    whichBrokerWhenConsumeSlowly: 1,
  };
  const table = Object.fromEntries(groups.map((group) => [group.groupName, { ...rest, ...group }]));
  return writeJson({ dataVersion: { counter: 0, stateVersion: 0, timestamp: 0 }, subscriptionGroupTable: table });
}

export function decodeSubscriptionGroups(body: Buffer): SubscriptionGroup[] {
  const table = tableOf(readObject(body, 'table of groups'), 'subscriptionGroupTable');
  return [...table].map(([groupName, value]) => {
    const group = asObject(value, `the group ${JSON.stringify(groupName)}`);
    return {
      groupName,
      retryMaxTimes: numberOf(group, 'retryMaxTimes', 16),
      retryQueueNums: numberOf(group, 'retryQueueNums', 1),
    };
  });
}
