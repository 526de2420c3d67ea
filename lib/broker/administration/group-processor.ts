import {
  checkGroup,
  createResponse,
  decodeSubscriptionGroup,
  decodeSubscriptionGroupList,
  type DeleteGroupRequestHeader,
  encodeGroupForbidden,
  encodeSubscriptionGroup,
  encodeSubscriptionGroups,
  encodeTopicList,
  type GetAllGroupsRequestHeader,
  type GroupForbiddenRequestHeader,
  type GroupRequestHeader,
  MessagingError,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  type SubscriptionGroup,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import type { GroupConfig } from '../../store/index.js';
import { answerLater, success } from '../answers.js';
import type { AdminParts, Handlers } from './parts.js';
import { unknownGroup } from './unknown-group.js';

const NO_BODY = Buffer.alloc(0);
/** Topics that one group may be kept from; more are a mistake. */
const MOST_FORBIDDEN = 1_000;

/** Consumer groups: making, changing and deleting them, and what there is. */
export class GroupProcessor {
  constructor(private readonly parts: AdminParts) {}

  get handlers(): Handlers {
    return [
      [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, this.put],
      [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, this.putAll],
      [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, this.all],
      [RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, this.one],
      [RequestCode.DELETE_SUBSCRIPTIONGROUP, this.delete],
      [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, this.forbid],
      [RequestCode.QUERY_TOPICS_BY_CONSUMER, this.topicsOf],
    ];
  }

  private readonly put = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const group = decodeSubscriptionGroup(request.body ?? NO_BODY);
    answerLater(this.store(group), respond, () => success());
  };

  private readonly putAll = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const groups = decodeSubscriptionGroupList(request.body ?? NO_BODY);
    for (const { groupName } of groups) checkGroup(groupName);
    answerLater(Promise.all(groups.map((group) => this.store(group))), respond, () => success());
  };

  private readonly all = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { groupSeq, maxGroupNum } = request.header as GetAllGroupsRequestHeader;
    const groups = this.parts.store.groups.list();
    const from = Math.max(0, groupSeq ?? 0);
    const page = groups.slice(from, maxGroupNum === undefined || maxGroupNum < 0 ? undefined : from + maxGroupNum);
    const forbidden = new Map<string, readonly string[]>();
    for (const group of page) if (isBarred(group)) forbidden.set(group.name, group.forbidden!);
    const body = encodeSubscriptionGroups(page.map(asSubscriptionGroup), forbidden);
    respond(createResponse(ResponseCode.SUCCESS, { totalGroupNum: groups.length }, undefined, body));
  };

  private readonly one = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { group: name } = request.header as GroupRequestHeader;
    respond(success(encodeSubscriptionGroup(asSubscriptionGroup(this.find(name)))));
  };

  private readonly delete = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { groupName, cleanOffset, removeOffset } = request.header as DeleteGroupRequestHeader;
    answerLater(this.remove(groupName, cleanOffset ?? removeOffset ?? false), respond, () => success());
  };

  private readonly forbid = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { group, topic, readable } = request.header as GroupForbiddenRequestHeader;
    answerLater(this.setReadable(group, topic, readable), respond, (now) =>
      success(encodeGroupForbidden(group, topic, now)),
    );
  };

  private readonly topicsOf = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { group: name } = request.header as GroupRequestHeader;
    const { store, options } = this.parts;
    const registered = Object.keys(store.groups.get(name)?.topics ?? {});
    const topicList = [...new Set([...registered, ...store.progress.topicsOf(name)])];
    respond(success(encodeTopicList({ topicList, brokerAddr: options.address })));
  };

  private async store(group: SubscriptionGroup): Promise<void> {
    const { store, topics } = this.parts;
    const { groupName: name, retryMaxTimes, retryQueueNums, consumeEnable, consumeBroadcastEnable } = group;
    checkGroup(name);
    const settings = {
      retryMaxTimes,
      retryQueueNums,
      consumeEnable: consumeEnable ?? true,
      consumeBroadcastEnable: consumeBroadcastEnable ?? true,
      notifyMembers: group.notifyConsumerIdsChangedEnable ?? true,
      consumeFromMinEnable: group.consumeFromMinEnable ?? true,
    };
    // Two orders at once: the first one makes it, the second one must not get lost.
    await store.groups.ensure(name, [], store.visibleOffset, settings);
    await store.groups.update(name, settings);
    await topics.ensureRetryTopic(name, retryQueueNums);
    this.askAgain(name);
  }

  private async remove(name: string, withPositions: boolean): Promise<void> {
    const { store, consumers } = this.parts;
    const members = consumers.group(name)?.clientIds() ?? [];
    // RocketMQ deletes it, and the next heartbeat makes it anew, at the end of its topics: what waits would be skipped.
    if (members.length > 0) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Group ${name} is at work (${members.slice(0, 3).join(', ')}); stop its ${members.length} members first.`,
      );
    }
    await store.groups.delete(name);
    if (!withPositions) return;
    store.progress.removeGroup(name);
    await store.progress.flush();
  }

  private async setReadable(name: string, topic: string, readable: boolean | undefined): Promise<boolean> {
    const before = this.find(name).forbidden ?? [];
    if (readable === undefined) return !before.includes(topic);
    const others = before.filter((other) => other !== topic);
    if (!readable && others.length >= MOST_FORBIDDEN) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Group ${name} is kept from ${others.length} topics already; set consumeEnable to false if it is to read nothing.`,
      );
    }
    await this.parts.store.groups.update(name, { forbidden: readable ? others : [...others, topic] });
    this.askAgain(name);
    return readable;
  }

  /** Pulls that wait learn what holds now. */
  private askAgain(name: string): void {
    for (const topic of Object.keys(this.parts.store.groups.get(name)?.topics ?? {})) this.parts.held.release(topic);
  }

  private find(name: string): GroupConfig {
    const group = this.parts.store.groups.get(name);
    if (group === undefined) throw unknownGroup(name);
    return group;
  }
}

function isBarred(group: GroupConfig): boolean {
  return group.forbidden !== undefined && group.forbidden.length > 0;
}

function asSubscriptionGroup(group: GroupConfig): SubscriptionGroup {
  return {
    groupName: group.name,
    retryMaxTimes: group.retryMaxTimes,
    retryQueueNums: group.retryQueueNums,
    consumeEnable: group.consumeEnable,
    consumeBroadcastEnable: group.consumeBroadcastEnable,
    notifyConsumerIdsChangedEnable: group.notifyMembers ?? true,
    consumeFromMinEnable: group.consumeFromMinEnable ?? true,
  };
}
