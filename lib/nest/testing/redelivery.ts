import { ReceivedMessage } from '../../client/index.js';
import {
  DEFAULT_TOPIC,
  encodeProperties,
  ExtensionProperty,
  MessagingError,
  PropertyName,
  RequestCode,
  retryTopic,
  type SendMessageRequestHeader,
} from '../../protocol/index.js';
import type { ConsumedMessage, DeadLetter, SentMessage } from './entries.js';
import type { TestBroker } from './test-broker.js';

const SHARDING_KEY = '__SHARDINGKEY';
/** What a message keeps that was resent or replayed. */
const AGAIN = [ExtensionProperty.RESENT, ExtensionProperty.REPLAYED, ExtensionProperty.ORIGIN_ID];

/** What can be delivered once more. */
export type Redeliverable = SentMessage | ConsumedMessage | DeadLetter | ReceivedMessage;

/** A message as it travelled. */
interface Original {
  readonly topic: string;
  readonly queueId: number;
  readonly body: Buffer;
  readonly properties: Iterable<readonly [string, string]>;
}

/**
 * Stores a message once more under its own id: in its topic, so that every group gets it again, as after a producer's
 * retry whose first answer was lost; or for one group alone, as after a consumer that died before it acknowledged.
 */
export async function redeliver(
  broker: TestBroker,
  message: Redeliverable,
  group: string | undefined,
  bornAt: number,
): Promise<void> {
  const { topic, queueId, body, properties } = 'sentAt' in message ? ofSent(message) : ofReceived(message);
  const own: [string, string][] = [...properties].map(([name, value]) => [name, value]);
  if (group !== undefined) own.push([PropertyName.RETRY_TOPIC, topic]);
  const header: SendMessageRequestHeader = {
    producerGroup: 'nestmq-test-kit',
    topic: group === undefined ? topic : retryTopic(group),
    defaultTopic: DEFAULT_TOPIC,
    defaultTopicQueueNums: 4,
    queueId: group === undefined ? queueId : 0,
    sysFlag: 0,
    bornTimestamp: bornAt,
    flag: 0,
    properties: encodeProperties(own),
    reconsumeTimes: 0,
    unitMode: false,
    maxReconsumeTimes: undefined,
    batch: false,
    brokerName: broker.name,
  };
  await broker.ask(RequestCode.SEND_MESSAGE_V2, header, body);
}

function ofSent(message: SentMessage): Original {
  const { topic, tag, keys, properties, body, contentType, shardingKey, result, messageId } = message;
  if (result === undefined || messageId === undefined) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `redeliver: this message to ${topic} has no id, because its send failed or was one-way; redeliver what was consumed of it`,
    );
  }
  const all = propertiesOf({ messageId, tag, keys, own: properties, contentType, shardingKey });
  return { topic, queueId: result.queueId, body, properties: all };
}

function ofReceived(from: ConsumedMessage | DeadLetter | ReceivedMessage): Original {
  const message = from instanceof ReceivedMessage ? from : from.message;
  const { messageId, tag, keys, contentType } = message;
  const shardingKey = message.systemProperty(SHARDING_KEY);
  const again = AGAIN.flatMap((name) => {
    const value = message.systemProperty(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const all = [...propertiesOf({ messageId, tag, keys, own: message.properties, contentType, shardingKey }), ...again];
  // A dead letter's own queue is that of the dead letters.
  const queueId = message.systemProperty(ExtensionProperty.DLQ_QUEUE_ID);
  const topic = message.systemProperty(ExtensionProperty.DLQ_TOPIC) ?? message.topic;
  return { topic, queueId: Number(queueId ?? message.queueId), body: message.body, properties: all };
}

function* propertiesOf(of: {
  messageId: string;
  tag: string | undefined;
  keys: readonly string[];
  own: Readonly<Record<string, string>>;
  contentType: string | undefined;
  shardingKey: string | undefined;
}): Generator<readonly [string, string]> {
  yield [PropertyName.UNIQUE_KEY, of.messageId];
  if (of.contentType !== undefined) yield [ExtensionProperty.CONTENT_TYPE, of.contentType];
  if (of.tag !== undefined) yield [PropertyName.TAGS, of.tag];
  if (of.keys.length > 0) yield [PropertyName.KEYS, of.keys.join(' ')];
  if (of.shardingKey !== undefined) yield [SHARDING_KEY, of.shardingKey];
  yield* Object.entries(of.own);
}
