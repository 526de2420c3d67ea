import type { Platform } from '../platform/index.js';
import {
  appendProperty,
  checkGroup,
  closeProperties,
  createResponse,
  createUniqueIdFactory,
  deadLetterProperties,
  decodeBatchBody,
  decodeProperties,
  encodeOffsetMessageId,
  getProperty,
  isRetryTopic,
  isSendableTopic,
  LIMITS,
  MessagingError,
  originOf,
  PropertyName,
  Permission,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  RETRY_PREFIX,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
  SysFlag,
  transactionType,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageStore, PutResult, StoreMessage, TopicConfig } from '../store/index.js';
import { failure, refusal } from './answers.js';
import type { DuplicateFilter } from './dedup/duplicate-filter.js';
import { notDeduplicated, unknownToDedup, wantsDedup } from './dedup/refusals.js';
import { parkIfDelayed } from './delays.js';
import { dropTraits, PropertyTrait, scanProperties } from './incoming-properties.js';
import { hideAsHalf } from './transactions/half-message.js';
import type { KeyHolds } from './key-holds.js';
import type { ResolvedBrokerOptions } from './options.js';
import type { QueueLocks } from './queue-locks.js';
import type { TopicManager } from './topic-manager.js';
import type { Traffic } from './traffic/traffic.js';

const NO_BODY = Buffer.alloc(0);
const REGION = 'DefaultRegion';
/** What a producer may say about its message; hosts, transactions and inner batches are the broker's to say. */
const SENDER_FLAGS = SysFlag.COMPRESSED | SysFlag.MULTI_TAGS | 0x700;

/** SEND_MESSAGE, SEND_MESSAGE_V2, SEND_BATCH_MESSAGE. */
export class SendProcessor {
  private readonly nextUniqueId: () => string;
  private readonly creating = new Map<string, Promise<TopicConfig>>();
  /** Whether clients can be in other processes. */
  private readonly reachable: boolean;
  /** Messages stored since the start. */
  stored = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly locks: QueueLocks,
    private readonly duplicates: DuplicateFilter,
    private readonly keys: KeyHolds,
    private readonly traffic: Traffic,
    private readonly options: ResolvedBrokerOptions,
    private readonly platform: Platform,
  ) {
    const { clock, random } = platform;
    this.reachable = !options.address.endsWith(':0');
    const ip = options.address.slice(0, options.address.lastIndexOf(':')).replaceAll(/[[\]]/g, '');
    this.nextUniqueId = createUniqueIdFactory({
      ip,
      pid: random.below(0x1_0000),
      now: () => clock.now(),
      hash: random.below(0x7fff_ffff),
    });
  }

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
      if ((topic.perm & Permission.WRITE) === 0) {
        throw new MessagingError('NO_PERMISSION', `Topic ${topic.name} is not writable (perm ${topic.perm}).`);
      }
      const queueId = this.queueOf(topic, header.queueId);
      const body = request.body ?? NO_BODY;
      const batch = header.batch === true || request.code === RequestCode.SEND_BATCH_MESSAGE;
      if (batch) this.storeBatch(topic, queueId, header, body, channel, respond);
      else this.storeOne(topic, queueId, header, body, channel, respond);
    } catch (error) {
      respond(failure(error));
    }
  }

  private queueOf(topic: TopicConfig, wanted: number): number {
    const queues = Math.max(topic.readQueueNums, topic.writeQueueNums);
    if (wanted < 0) return this.platform.random.below(topic.writeQueueNums);
    if (wanted < queues) return wanted;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `Topic ${topic.name} has no queue ${wanted}; it has ${queues}. Refresh the route.`,
    );
  }

  private storeOne(
    topic: TopicConfig,
    queueId: number,
    header: SendMessageRequestHeader,
    body: Buffer,
    channel: Channel,
    respond: Respond,
  ): void {
    if (body.length > LIMITS.bodyBytes) throw bodyTooLarge(topic.name, body.length);
    let properties = header.properties ?? '';
    checkLength(topic.name, properties);
    if (this.keys.watches(topic)) this.keys.check(topic, queueId, properties);
    const traits = scanProperties(properties);
    const retry = isRetryTopic(header.topic);
    properties = this.clean(properties, traits, retry);
    if (retry && topic.name !== header.topic) properties = this.deadLetter(properties, header);
    const message = this.messageOf(topic.name, queueId, header, body, properties, channel);
    const half = isTransaction(header, properties, traits);
    if (half) {
      if (retry) throw new MessagingError('PROPERTIES_INVALID', 'A retry is no transaction; send it without TRAN_MSG.');
      if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0) throw delayedTransaction(topic.name);
      // It is written into the record, and END_TRANSACTION is compared with it.
      checkGroup(header.producerGroup);
      if ((traits & PropertyTrait.DEDUP) !== 0) throw notDeduplicated(topic.name, 'A transactional message');
      hideAsHalf(message, header.producerGroup);
    } else if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0) {
      if (topic.name === header.topic) parkIfDelayed(message, traits, this.platform.clock.now());
      else message.properties = dropTraits(message.properties, PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER);
    }
    if (!retry && (traits & (PropertyTrait.DEDUP | PropertyTrait.AGAIN)) === PropertyTrait.DEDUP) {
      this.storeOnce(topic, queueId, message, respond);
      return;
    }
    this.store.put(message, (error, result) => {
      if (error !== undefined) respond(failure(error));
      else {
        this.stored++;
        this.traffic.stored(topic.name, 1, result!.size);
        const id = encodeOffsetMessageId(this.options.address, result!.physicalOffset);
        const transactionId = half ? getProperty(message.properties, PropertyName.UNIQUE_KEY) : undefined;
        respond(this.answer(queueId, result!, id, transactionId));
      }
    });
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
        this.traffic.stored(topic.name, 1, size);
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
    if (body.length > LIMITS.bodyBytes) throw bodyTooLarge(topic.name, body.length);
    if (isRetryTopic(header.topic))
      throw new MessagingError(
        'PROPERTIES_INVALID',
        'A batch cannot be sent to a retry topic; send its messages one by one.',
      );
    const items = decodeBatchBody(body);
    if (items.length === 0)
      throw new MessagingError('PROPERTIES_INVALID', `A batch to topic ${topic.name} has no message.`);
    const messages: StoreMessage[] = [];
    const watched = this.keys.watches(topic);
    for (const item of items) {
      checkLength(topic.name, item.properties);
      if (watched) this.keys.check(topic, queueId, item.properties);
      const traits = scanProperties(item.properties);
      if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0) {
        throw new MessagingError(
          'PROPERTIES_INVALID',
          `A message of a batch to topic ${topic.name} asks for a delay; send delayed messages one by one.`,
        );
      }
      if (isTransaction(header, item.properties, traits)) {
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
        this.clean(item.properties, traits, false),
        channel,
      );
      message.flag = item.flag;
      messages.push(message);
    }
    this.store.putBatch(messages, (error, results) => {
      if (error !== undefined) {
        respond(failure(error));
        return;
      }
      this.stored += results!.length;
      let bytes = 0;
      for (const { size } of results!) bytes += size;
      this.traffic.stored(topic.name, results!.length, bytes);
      const ids = results!.map((result) => encodeOffsetMessageId(this.options.address, result.physicalOffset));
      respond(this.answer(queueId, results![0]!, ids.join(',')));
    });
  }

  /** Drops what only a broker may say, names the message if nobody has. */
  private clean(properties: string, traits: number, retry: boolean): string {
    const unwanted = traits & (retry ? PropertyTrait.FORGED : PropertyTrait.FORGED | PropertyTrait.RETRY);
    let clean = closeProperties(unwanted === 0 ? properties : dropTraits(properties, unwanted));
    if ((traits & PropertyTrait.UNIQUE_KEY) === 0)
      clean = appendProperty(clean, PropertyName.UNIQUE_KEY, this.nextUniqueId());
    // Whoever answers a request finds the topic for replies by the cluster's name.
    if ((traits & PropertyTrait.REPLY) !== 0) clean = appendProperty(clean, PropertyName.CLUSTER, this.options.cluster);
    // A Java consumer writes no trace of a message without it. Where nobody can connect it would be 25 bytes for nothing.
    if (this.reachable && (traits & PropertyTrait.REGION) === 0)
      clean = appendProperty(clean, PropertyName.MSG_REGION, REGION);
    return clean;
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
    const now = this.platform.clock.now();
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

function checkLength(topic: string, properties: string): void {
  // Three bytes are the most that one unit of a JavaScript string takes in UTF-8; below a third nothing has to be counted.
  if (properties.length * 3 <= LIMITS.userPropertiesBytes) return;
  const bytes = Buffer.byteLength(properties);
  if (bytes <= LIMITS.userPropertiesBytes) return;
  throw new MessagingError(
    'PROPERTIES_INVALID',
    `The properties of a message to topic ${topic} take ${bytes} bytes; ${LIMITS.userPropertiesBytes} are allowed. Put large values into the body.`,
  );
}

function bodyTooLarge(topic: string, bytes: number): MessagingError {
  return new MessagingError(
    'MESSAGE_TOO_LARGE',
    `The body of a message to topic ${topic} has ${bytes} bytes; ${LIMITS.bodyBytes} are allowed. Store large data elsewhere and send a reference.`,
  );
}

/** Clients say it in two places; either is enough. */
function isTransaction(header: SendMessageRequestHeader, properties: string, traits: number): boolean {
  return (
    transactionType(header.sysFlag) === SysFlag.TRANSACTION_PREPARED ||
    ((traits & PropertyTrait.TRANSACTION) !== 0 && /(^|\x02)TRAN_MSG\x01true/i.test(properties))
  );
}

function delayedTransaction(topic: string): MessagingError {
  return new MessagingError(
    'PROPERTIES_INVALID',
    `A transactional message to topic ${topic} asks for a delay; commit first, and send the delayed message then.`,
  );
}
