import type { Platform } from '../platform/index.js';
import {
  type ConsumerSendMsgBackRequestHeader,
  deadLetterProperties,
  decodeProperties,
  encodeOffsetMessageId,
  type FailureReason,
  isDeadLetterTopic,
  type MessageRecord,
  MessagingError,
  type Origin,
  originOf,
  parseReason,
  PropertyName,
  type RemotingCommand,
  retryDelayLevel,
  retryProperties,
  retryTopic,
  SysFlag,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { type GroupConfig, type MessageStore, messageOf, type StoreMessage } from '../store/index.js';
import { answerLater, success } from './answers.js';
import { parkOnLevel, parkUntil } from './delays.js';
import type { ResolvedBrokerOptions } from './options.js';
import type { TopicManager } from './topic-manager.js';
import type { Traffic } from './traffic/traffic.js';

/** Clients before V3_4_9 send a retry limit that nobody chose. */
const FIRST_VERSION_WITH_LIMIT = 121;
const KEPT_FLAGS = SysFlag.COMPRESSED | SysFlag.MULTI_TAGS | 0x700;

/** What a failed delivery becomes. */
interface Failed {
  readonly record: MessageRecord;
  /** Retries that the group has had of it. */
  readonly retries: number;
  readonly properties: ReadonlyMap<string, string>;
  readonly origin: Origin;
  readonly reason: FailureReason;
  readonly now: number;
}

/** CONSUMER_SEND_MSG_BACK: a group could not handle a message; it comes again later or becomes a dead letter. */
export class SendBackProcessor {
  /** Messages given up since the start. */
  deadLetters = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly traffic: Traffic,
    private readonly options: ResolvedBrokerOptions,
    private readonly platform: Platform,
  ) {}

  readonly handle = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const sent = this.sendBack(request.header as ConsumerSendMsgBackRequestHeader, request.version);
    answerLater(sent, respond, () => success());
  };

  private async sendBack(header: ConsumerSendMsgBackRequestHeader, clientVersion: number): Promise<void> {
    const group = this.store.groups.get(header.group);
    if (group === undefined) {
      throw new MessagingError(
        'GROUP_NOT_FOUND',
        `There is no consumer group ${header.group} on this broker; it appears with its first heartbeat.`,
      );
    }
    if (group.retryQueueNums <= 0) return;
    const record = await this.store.recordAt(header.offset);
    this.refuseForeign(group, record);
    const properties = decodeProperties(record.properties);
    // What another group has given up carries where that group had it from, and how often it tried: nothing to this one.
    const afresh = isDeadLetterTopic(record.topic);
    if (afresh) properties.delete(PropertyName.RETRY_TOPIC);
    const retries = afresh ? 0 : record.reconsumeTimes;
    const reason = parseReason(header.reason);
    const now = this.platform.clock.now();
    const messageId = encodeOffsetMessageId(this.options.address, record.physicalOffset);
    const { topic, queueId, queueOffset } = record;
    const origin = originOf({ topic, queueId, queueOffset, messageId }, properties, reason, now);
    const failed = { record, retries, properties, origin, reason, now };
    const chosen = clientVersion >= FIRST_VERSION_WITH_LIMIT ? header.maxReconsumeTimes : undefined;
    const limit = chosen === undefined || chosen < 0 ? group.retryMaxTimes : chosen;
    if (header.delayLevel < 0 || retries >= limit) await this.giveUp(group, failed);
    else await this.retry(group, failed, header);
    this.traffic.gaveBack(group.name, record.topic);
  }

  /**
   * The offset comes from outside: without this a group could have any message of the log copied into its own topics.
   */
  private refuseForeign(group: GroupConfig, record: MessageRecord): void {
    if (
      record.topic === retryTopic(group.name) ||
      this.store.groups.registeredAt(group.name, record.topic) !== undefined
    )
      return;
    throw new MessagingError(
      'NO_PERMISSION',
      `Group ${group.name} sends back a message of topic ${record.topic}, to which it has not subscribed.`,
    );
  }

  private async giveUp(group: GroupConfig, failed: Failed): Promise<void> {
    const topic = await this.topics.ensureDeadLetterTopic(group.name);
    // An orderly client has tried by itself as well.
    const attempts = Math.max(failed.reason.attempts ?? 0, failed.retries + 1);
    const properties = deadLetterProperties(failed.properties, failed.origin, failed.reason, attempts, failed.now);
    await this.store.putAsync(again(failed, topic.name, 0, properties));
    this.deadLetters++;
  }

  private async retry(group: GroupConfig, failed: Failed, header: ConsumerSendMsgBackRequestHeader): Promise<void> {
    const topic = await this.topics.ensureRetryTopic(group.name, group.retryQueueNums);
    const queueId = this.platform.random.below(Math.min(group.retryQueueNums, topic.writeQueueNums));
    const message = again(failed, topic.name, queueId, retryProperties(failed.properties, failed.origin));
    if (header.retryDelayMs === undefined) {
      parkOnLevel(message, header.delayLevel > 0 ? header.delayLevel : retryDelayLevel(failed.retries));
    } else if (header.retryDelayMs > 0) {
      parkUntil(message, failed.now + header.retryDelayMs);
    }
    await this.store.putAsync(message);
  }
}

/** The same message for its next attempt; its body is read before `put` returns. */
function again({ record, retries }: Failed, topic: string, queueId: number, properties: string): StoreMessage {
  return {
    ...messageOf(record, topic, queueId, properties),
    sysFlag: record.sysFlag & KEPT_FLAGS,
    reconsumeTimes: retries + 1,
    preparedTransactionOffset: 0,
  };
}
