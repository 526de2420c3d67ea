import type { Clock } from '../platform/index.js';
import {
  AlikeBatch,
  batchBytes,
  type BatchMessages,
  checkGroup,
  createResponse,
  deadLetterProperties,
  decodeBatchBody,
  decodeProperties,
  encodeOffsetMessageId,
  getProperty,
  isRetryTopic,
  isSendableTopic,
  joinOffsetMessageIds,
  LIMITS,
  MessagingError,
  originOf,
  PropertyName,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  RETRY_PREFIX,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageStore, PutResult, StoreMessage, StoreMessages, TopicConfig } from '../store/index.js';
import { failure, refusal } from './answers.js';
import type { DuplicateFilter } from './dedup/duplicate-filter.js';
import { notDeduplicated, unknownToDedup, wantsDedup } from './dedup/refusals.js';
import { parkIfDelayed } from './delays.js';
import { dropTraits, PropertyTrait } from './incoming-properties.js';
import { checkBody, type Intake, isTransaction, REGION, SENDER_FLAGS } from './intake.js';
import { hideAsHalf } from './transactions/half-message.js';
import type { ResolvedBrokerOptions } from './options.js';
import { PlainBatch } from './plain-message.js';
import type { QueueLocks } from './queue-locks.js';
import type { TopicManager } from './topic-manager.js';
import type { Traffic } from './traffic/traffic.js';

const NO_BODY = Buffer.alloc(0);
/** SEND_MESSAGE, SEND_MESSAGE_V2, SEND_BATCH_MESSAGE. */
export class SendProcessor {
  private readonly creating = new Map<string, Promise<TopicConfig>>();
  /** Messages stored since the start. */
  stored = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly locks: QueueLocks,
    private readonly duplicates: DuplicateFilter,
    private readonly intake: Intake,
    private readonly traffic: Traffic,
    private readonly options: ResolvedBrokerOptions,
    private readonly clock: Clock,
  ) {}

  readonly handle = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const header = request.header as SendMessageRequestHeader;
    if (!isSendableTopic(header.topic)) {
      respond(
        refusal(
          ResponseCode.NO_PERMISSION,
          `NO_PERMISSION: ${header.topic} is written by the broker only; send to a topic of your own`,
        ),
      );
      return;
    }
    const topic = this.topics.get(header.topic);
    const retry = isRetryTopic(header.topic);
    if (topic !== undefined && !retry && !this.creating.has(header.topic)) {
      this.send(topic, header, request, channel, respond);
      return;
    }
    // A send that cannot succeed must not make a topic.
    if (topic === undefined && !retry && wantsDedup(header)) {
      respond(failure(unknownToDedup(header.topic)));
      return;
    }
    // Rare from here on: a topic's first messages, or what a Java client retries by itself.
    const ready = retry ? this.retryTarget(header) : this.created(header);
    ready
      .then((target) => this.send(target, header, request, channel, respond))
      .catch((error: unknown) => respond(failure(error)));
  };

  /** The topic, if messages can be stored in it without more ado: it is there, it is no retry topic, and clients may send to it. */
  ready(name: string): TopicConfig | undefined {
    const topic = this.topics.get(name);
    if (topic === undefined || (this.creating.size > 0 && this.creating.has(name))) return undefined;
    // By the name that the topic is kept with: what has come in a pack is a new text each time, and its hash too.
    return isSendableTopic(topic.name) && !isRetryTopic(topic.name) ? topic : undefined;
  }

  /** Sends that find their topic missing wait for one creation, and none that comes later overtakes them. */
  private created(header: SendMessageRequestHeader): Promise<TopicConfig> {
    const name = header.topic;
    let creation = this.creating.get(name);
    if (creation === undefined) {
      creation = this.topics.createForSend(name, header.defaultTopic, header.defaultTopicQueueNums);
      this.creating.set(name, creation);
      const forget = (): void => void this.creating.delete(name);
      creation.then(forget, forget);
    }
    return creation;
  }

  private async retryTarget(header: SendMessageRequestHeader): Promise<TopicConfig> {
    const group = header.topic.slice(RETRY_PREFIX.length);
    const config = this.store.groups.get(group);
    if (config === undefined) {
      throw new MessagingError(
        'GROUP_NOT_FOUND',
        `There is no consumer group ${group} on broker ${this.options.name}, so it has nothing to retry.`,
      );
    }
    const attempts = header.reconsumeTimes ?? 0;
    const chosen = header.maxReconsumeTimes ?? -1;
    const limit = chosen < 0 ? config.retryMaxTimes : chosen;
    // A Java consumer that works in order sends a message here when it has given it up, with its last attempt; that it
    // works in order shows by the locks of its group.
    const givenUp = attempts > limit || (attempts >= limit && this.locks.anyHeld(group));
    return givenUp
      ? this.topics.ensureDeadLetterTopic(group)
      : this.topics.ensureRetryTopic(group, config.retryQueueNums);
  }

  private send(
    topic: TopicConfig,
    header: SendMessageRequestHeader,
    request: RemotingCommand,
    channel: Channel,
    respond: Respond,
  ): void {
    try {
      const queueId = this.intake.queueOf(topic, header.queueId);
      const body = request.body ?? NO_BODY;
      const batch = header.batch === true || request.code === RequestCode.SEND_BATCH_MESSAGE;
      let spent = true;
      if (batch) this.storeBatch(topic, queueId, header, body, channel, respond);
      else spent = this.storeOne(topic, queueId, header, body, channel, respond);
      // The store has copied it. Too late, and without effect, for one that had to wait for its topic.
      if (spent && request.body !== undefined) request.bodySpent = true;
    } catch (error) {
      respond(failure(error));
    }
  }

  /** True when nothing is kept of the body. */
  private storeOne(
    topic: TopicConfig,
    queueId: number,
    header: SendMessageRequestHeader,
    body: Buffer,
    channel: Channel,
    respond: Respond,
  ): boolean {
    checkBody(topic.name, body.length);
    let properties = header.properties ?? '';
    const traits = this.intake.check(topic, queueId, properties);
    const retry = isRetryTopic(header.topic);
    properties = this.intake.clean(properties, traits, retry);
    if (retry && topic.name !== header.topic) properties = this.deadLetter(properties, header);
    const message = this.messageOf(topic.name, queueId, header, body, properties, channel);
    const half = isTransaction(header.sysFlag, properties, traits);
    if (half) {
      if (retry) throw new MessagingError('PROPERTIES_INVALID', 'A retry is no transaction; send it without TRAN_MSG.');
      if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0) throw delayedTransaction(topic.name);
      // It is written into the record, and END_TRANSACTION is compared with it.
      checkGroup(header.producerGroup);
      if ((traits & PropertyTrait.DEDUP) !== 0) throw notDeduplicated(topic.name, 'A transactional message');
      hideAsHalf(message, header.producerGroup);
    } else if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0) {
      if (topic.name === header.topic) parkIfDelayed(message, traits, this.clock.now());
      else message.properties = dropTraits(message.properties, PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER);
    }
    if (!retry && (traits & (PropertyTrait.DEDUP | PropertyTrait.AGAIN)) === PropertyTrait.DEDUP) {
      this.storeOnce(topic, queueId, message, respond);
      return false;
    }
    const transactionId = half ? getProperty(message.properties, PropertyName.UNIQUE_KEY) : undefined;
    // What the callback names lives until the disk has synced, so it does not name the message.
    this.store.put(message, (error, result) => {
      if (error !== undefined) respond(failure(error));
      else {
        this.stored++;
        this.traffic.stored(topic, 1, result!.size);
        const id = encodeOffsetMessageId(this.options.address, result!.physicalOffset);
        respond(this.answer(queueId, result!, id, transactionId));
      }
    });
    return true;
  }

  private storeOnce(topic: TopicConfig, queueId: number, message: StoreMessage, respond: Respond): void {
    const size = message.body.length;
    this.duplicates.send(topic, queueId, message, (error, sent) => {
      if (error !== undefined) {
        respond(failure(error));
        return;
      }
      const { place, duplicate } = sent!;
      if (!duplicate) {
        this.stored++;
        this.traffic.stored(topic, 1, size);
      }
      const answer = this.answer(
        place.queueId,
        place,
        encodeOffsetMessageId(this.options.address, place.physicalOffset),
      );
      const header = answer.header as SendMessageResponseHeader;
      header.duplicate = duplicate;
      if (duplicate) header.originalId = place.uniqueKey;
      respond(answer);
    });
  }

  private storeBatch(
    topic: TopicConfig,
    queueId: number,
    header: SendMessageRequestHeader,
    body: Buffer,
    channel: Channel,
    respond: Respond,
  ): void {
    const { messages: handed } = header;
    checkBody(topic.name, handed === undefined ? body.length : batchBytes(handed, LIMITS.bodyBytes));
    if (isRetryTopic(header.topic))
      throw new MessagingError(
        'PROPERTIES_INVALID',
        'A batch cannot be sent to a retry topic; send its messages one by one.',
      );
    const items: BatchMessages = handed ?? decodeBatchBody(body);
    if (items.length === 0)
      throw new MessagingError('PROPERTIES_INVALID', `A batch to topic ${topic.name} has no message.`);
    const messages =
      this.plainBatch(topic, queueId, header, items, channel) ??
      this.checkedBatch(topic, queueId, header, items, channel);
    this.store.putBatch(messages, (error, outcomes) => {
      if (outcomes === undefined) {
        respond(failure(error));
        return;
      }
      const { count } = outcomes;
      const { address } = this.options;
      let bytes = 0;
      for (let place = 0; place < count; place++) bytes += outcomes.size(place);
      const ids = joinOffsetMessageIds(address, count, (place) => outcomes.physicalOffset(place));
      this.stored += count;
      this.traffic.stored(topic, count, bytes);
      respond(this.answer(queueId, { queueOffset: outcomes.queueOffset(0) }, ids));
    });
  }

  /** Undefined when any of the messages has to be looked at by itself. */
  private plainBatch(
    topic: TopicConfig,
    queueId: number,
    { sysFlag, bornTimestamp }: SendMessageRequestHeader,
    items: BatchMessages,
    channel: Channel,
  ): StoreMessages | undefined {
    if (sysFlag !== 0 || !(items instanceof AlikeBatch)) return undefined;
    const kept = this.intake.plainRest(topic, items.rest);
    if (kept === undefined) return undefined;
    return new PlainBatch(topic, queueId, bornTimestamp, channel.remoteAddress, items.withRest(kept));
  }

  private checkedBatch(
    topic: TopicConfig,
    queueId: number,
    header: SendMessageRequestHeader,
    items: BatchMessages,
    channel: Channel,
  ): StoreMessages {
    const messages: StoreMessage[] = [];
    for (const item of items) {
      const traits = this.intake.check(topic, queueId, item.properties);
      if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0) {
        throw new MessagingError(
          'PROPERTIES_INVALID',
          `A message of a batch to topic ${topic.name} asks for a delay; send delayed messages one by one.`,
        );
      }
      if (isTransaction(header.sysFlag, item.properties, traits)) {
        throw new MessagingError(
          'PROPERTIES_INVALID',
          `A batch to topic ${topic.name} cannot be a transaction; send its messages one by one.`,
        );
      }
      if ((traits & PropertyTrait.DEDUP) !== 0) throw notDeduplicated(topic.name, 'A message of a batch');
      const message = this.messageOf(
        topic.name,
        queueId,
        header,
        item.body,
        this.intake.clean(item.properties, traits, false),
        channel,
      );
      message.flag = item.flag ?? 0;
      messages.push(message);
    }
    return messages;
  }

  private messageOf(
    topic: string,
    queueId: number,
    header: SendMessageRequestHeader,
    body: Buffer,
    properties: string,
    channel: Channel,
  ): StoreMessage {
    return {
      topic,
      queueId,
      flag: header.flag,
      sysFlag: header.sysFlag & SENDER_FLAGS,
      bornTimestamp: header.bornTimestamp,
      bornHost: channel.remoteAddress,
      reconsumeTimes: isRetryTopic(header.topic) ? (header.reconsumeTimes ?? 0) : 0,
      preparedTransactionOffset: 0,
      properties,
      body,
    };
  }

  private deadLetter(text: string, header: SendMessageRequestHeader): string {
    const now = this.clock.now();
    const properties = decodeProperties(text);
    const origin = originOf({ topic: header.topic }, properties, {}, now);
    return deadLetterProperties(properties, origin, {}, (header.reconsumeTimes ?? 0) + 1, now);
  }

  private answer(
    queueId: number,
    first: Pick<PutResult, 'queueOffset'>,
    msgId: string,
    transactionId?: string,
  ): RemotingCommand {
    const header: SendMessageResponseHeader = {
      msgId,
      queueId,
      queueOffset: first.queueOffset,
      transactionId,
      regionId: REGION,
      traceOn: true,
    };
    return createResponse(ResponseCode.SUCCESS, header);
  }
}

function delayedTransaction(topic: string): MessagingError {
  return new MessagingError(
    'PROPERTIES_INVALID',
    `A transactional message to topic ${topic} asks for a delay; commit first, and send the delayed message then.`,
  );
}
