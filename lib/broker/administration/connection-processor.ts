import {
  type Connection,
  encodeConsumerConnection,
  encodeGroupSubscription,
  encodeProducerConnection,
  encodeProducerTable,
  type GetConsumerListByGroupRequestHeader,
  type GroupRequestHeader,
  type ProducerGroupRequestHeader,
  type ProducerInfo,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  type SubscriptionData,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import { refusal, success } from '../answers.js';
import type { ConsumerGroup } from '../consumer-group.js';
import { subscriptionDataOf } from '../subscription.js';
import type { AdminParts, Handlers } from './parts.js';
import { languageFor } from './rocketmq-versions.js';

/** Who is connected, and what they have subscribed to. */
export class ConnectionProcessor {
  constructor(private readonly parts: AdminParts) {}

  get handlers(): Handlers {
    return [
      [RequestCode.GET_CONSUMER_CONNECTION_LIST, this.consumers],
      [RequestCode.GET_PRODUCER_CONNECTION_LIST, this.producers],
      [RequestCode.GET_ALL_PRODUCER_INFO, this.allProducers],
      [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, this.subscription],
    ];
  }

  private readonly consumers = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup } = request.header as GetConsumerListByGroupRequestHeader;
    const group = this.parts.consumers.group(consumerGroup);
    if (group === undefined || group.empty) {
      const remark = `GROUP_NOT_FOUND: the consumer group[${consumerGroup}] not online`;
      respond(refusal(ResponseCode.CONSUMER_NOT_ONLINE, remark));
      return;
    }
    const connectionSet: Connection[] = [...group.members()].map(({ clientId, channel, language, version }) => ({
      clientId,
      clientAddr: channel.remoteAddress,
      language: languageFor(request.version, language),
      version,
    }));
    const { consumeType, messageModel, consumeFromWhere } = group;
    const subscriptionTable = subscriptionsOf(group);
    respond(
      success(
        encodeConsumerConnection({ connectionSet, subscriptionTable, consumeType, messageModel, consumeFromWhere }),
      ),
    );
  };

  private readonly producers = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { producerGroup } = request.header as ProducerGroupRequestHeader;
    const members = this.parts.producers.members(producerGroup);
    if (members.length === 0) {
      const remark = `GROUP_NOT_FOUND: the producer group[${producerGroup}] not exist`;
      respond(refusal(ResponseCode.SYSTEM_ERROR, remark));
      return;
    }
    const connections = members.map(([channel, { clientId, language, version }]) => ({
      clientId,
      clientAddr: channel.remoteAddress,
      language: languageFor(request.version, language),
      version,
    }));
    respond(success(encodeProducerConnection(connections)));
  };

  private readonly allProducers = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { producers, platform } = this.parts;
    const { clock } = platform;
    const groups = new Map<string, ProducerInfo[]>();
    for (const name of producers.names()) {
      const infos = producers.members(name).map(([channel, { clientId, language, version, lastSeen }]) => ({
        clientId,
        remoteIP: channel.remoteAddress,
        language: languageFor(request.version, language),
        version,
        lastUpdateTimestamp: Math.round(clock.now() - (clock.monotonic() - lastSeen)),
      }));
      if (infos.length > 0) groups.set(name, infos);
    }
    respond(success(encodeProducerTable(groups)));
  };

  private readonly subscription = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { group: name, topic = '' } = request.header as GroupRequestHeader;
    const group = this.parts.consumers.group(name);
    const data = group === undefined ? undefined : subscriptionsOf(group).get(topic);
    respond(success(encodeGroupSubscription(name, topic, data)));
  };
}

/** By topic; where members differ, what the first one wants. */
export function subscriptionsOf(group: ConsumerGroup): Map<string, SubscriptionData> {
  const table = new Map<string, SubscriptionData>();
  for (const { subscriptions } of group.members()) {
    for (const [topic, subscription] of subscriptions) {
      if (!table.has(topic)) table.set(topic, subscriptionDataOf(subscription.wanted));
    }
  }
  return table;
}
