import { asObject, flagOf, numberOf, objectsOf, readObject, tableOf, textOf, writeJson } from './json-fields.js';
import type { JsonObject } from './json-reader.js';

/** A consumer group's settings, as RocketMQ's tools know them. */
export interface SubscriptionGroup {
  groupName: string;
  /** Retries after which a message becomes a dead letter. */
  retryMaxTimes: number;
  retryQueueNums: number;
  /** Whether members get messages. Default true. */
  consumeEnable?: boolean;
  /** Whether members may consume as broadcast groups do. Default true. */
  consumeBroadcastEnable?: boolean;
  /** Whether members are told at once when others come and go. Default true. */
  notifyConsumerIdsChangedEnable?: boolean;
  /** Only shown, by RocketMQ as well. Default true. */
  consumeFromMinEnable?: boolean;
}

export function encodeSubscriptionGroup(group: SubscriptionGroup): Buffer {
  return writeJson(whole(group));
}

/** @param forbidden by group the topics that it may not read. */
export function encodeSubscriptionGroups(
  groups: readonly SubscriptionGroup[],
  forbidden: ReadonlyMap<string, readonly string[]> = new Map(),
): Buffer {
  return writeJson({
    dataVersion: { counter: 0, stateVersion: 0, timestamp: 0 },
    forbiddenTable: Object.fromEntries(
      // Bit 2 is RocketMQ's index of the permission to read.
      [...forbidden].map(([group, topics]) => [group, Object.fromEntries(topics.map((topic) => [topic, 4]))]),
    ),
    subscriptionGroupTable: Object.fromEntries(groups.map((group) => [group.groupName, whole(group)])),
  });
}

/** Body of UPDATE_AND_CREATE_SUBSCRIPTIONGROUP. */
export function decodeSubscriptionGroup(body: Buffer): SubscriptionGroup {
  return groupFrom(readObject(body, 'group'));
}

/** Body of UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST. */
export function decodeSubscriptionGroupList(body: Buffer): SubscriptionGroup[] {
  return objectsOf(readObject(body, 'list of groups'), 'groupConfigList').map((group) => groupFrom(group));
}

export function decodeSubscriptionGroups(body: Buffer): SubscriptionGroup[] {
  const table = tableOf(readObject(body, 'table of groups'), 'subscriptionGroupTable');
  return [...table].map(([groupName, value]) =>
    groupFrom(asObject(value, `the group ${JSON.stringify(groupName)}`), groupName),
  );
}

function groupFrom(group: JsonObject, name?: string): SubscriptionGroup {
  return {
    groupName: name ?? textOf(group, 'groupName'),
    retryMaxTimes: numberOf(group, 'retryMaxTimes', 16),
    retryQueueNums: numberOf(group, 'retryQueueNums', 1),
    consumeEnable: flagOf(group, 'consumeEnable', true),
    consumeBroadcastEnable: flagOf(group, 'consumeBroadcastEnable', true),
    notifyConsumerIdsChangedEnable: flagOf(group, 'notifyConsumerIdsChangedEnable', true),
    consumeFromMinEnable: flagOf(group, 'consumeFromMinEnable', true),
  };
}

/** With what tools show beside and what cannot be set here: there is no slave to read from, and nothing is popped. */
function whole(group: SubscriptionGroup): object {
  return {
    attributes: {},
    brokerId: 0,
    consumeBroadcastEnable: true,
    consumeEnable: true,
    consumeFromMinEnable: true,
    consumeMessageOrderly: false,
    consumeTimeoutMinute: 15,
    groupSysFlag: 0,
    notifyConsumerIdsChangedEnable: true,
    whichBrokerWhenConsumeSlowly: 1,
    ...group,
  };
}
