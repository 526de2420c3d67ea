import type { Clock } from '../platform/index.js';
import {
  createRequest,
  createResponse,
  decodeOffsetMessageId,
  encodedTopicsOfPack,
  MessagingError,
  type PackAnswerHeader,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
  type SendPackHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageStore, StoreMessage, TopicConfig } from '../store/index.js';
import { failure } from './answers.js';
import { notDeduplicated } from './dedup/refusals.js';
import { parkIfDelayed } from './delays.js';
import { PropertyTrait } from './incoming-properties.js';
import { checkBody, type Intake, isTransaction, SENDER_FLAGS } from './intake.js';
import { KnownTopics } from './known-topics.js';
import { PlainMessage } from './plain-message.js';
import type { SendProcessor } from './send-processor.js';
import type { Traffic } from './traffic/traffic.js';

/** What only a request of its own can bring, or may ask for a delay. */
const UNUSUAL = PropertyTrait.TRANSACTION | PropertyTrait.DEDUP | PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER;

/** A longer remark is cut: thousands of them must fit one frame. */
const LONGEST_REMARK = 2000;

/**
 * SEND_PACK: each message passes what it would have passed alone and has a result of its own. All that need nothing but the
 * disk are handed to the store together, in their order; the pack is answered once the last one is settled.
 */
export class PackProcessor {
  private readonly known: KnownTopics;

  constructor(
    private readonly store: MessageStore,
    private readonly sends: SendProcessor,
    private readonly intake: Intake,
    private readonly traffic: Traffic,
    private readonly address: string,
    private readonly clock: Clock,
  ) {
    this.known = new KnownTopics(store.topics, (name) => sends.ready(name));
  }

  readonly handle = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const pack = request.header as SendPackHeader;
    const { topicOf, queueIds, bodies } = pack;
    const { body } = request;
    const ready =
      body === undefined
        ? pack.topics.map((name) => this.sends.ready(name))
        : this.known.all(encodedTopicsOfPack(body));
    const results = new PackResults(bodies.length, this.address, respond);
    const messages: StoreMessage[] = [];
    const places: number[] = [];
    let alone = false;
    for (let i = 0; i < bodies.length; i++) {
      const topic = ready[topicOf[i]!];
      if (topic === undefined) {
        this.sendAlone(pack, i, request.version, channel, results);
        alone = true;
        continue;
      }
      try {
        const queueId = this.intake.queueOf(topic, queueIds[i]!);
        messages.push(this.messageOf(topic, queueId, pack, i, channel));
        places.push(i);
        results.header.queueIds[i] = queueId;
      } catch (error) {
        results.refused(i, error);
      }
    }
    if (messages.length > 0) this.keep(messages, ready, pack.topicOf, places, results);
    // The store has copied the bodies; one that waits for its topic is still a view of the pack.
    if (!alone && request.body !== undefined) request.bodySpent = true;
    // Nothing may be left to wait for: a pack of nothing, or of refused messages.
    results.begun();
  };

  private messageOf(
    topic: TopicConfig,
    queueId: number,
    pack: SendPackHeader,
    i: number,
    channel: Channel,
  ): StoreMessage {
    const sysFlag = pack.sysFlags[i]!;
    const body = pack.bodies[i]!;
    checkBody(topic.name, body.length);
    const parts = sysFlag === 0 ? pack.parts?.[i] : undefined;
    const rest = parts?.rest === undefined ? undefined : this.intake.plainRest(topic, parts.rest);
    if (rest !== undefined) {
      const { idBegin, idEnd } = parts!;
      return new PlainMessage(
        topic.name,
        topic.number,
        queueId,
        pack.bornTimestamps[i]!,
        channel.remoteAddress,
        idBegin,
        idEnd,
        rest,
        body,
      );
    }
    const properties = pack.properties[i]!;
    const traits = this.intake.check(topic, queueId, properties);
    const message = new PackedMessage(
      topic.name,
      queueId,
      sysFlag & SENDER_FLAGS,
      pack.bornTimestamps[i]!,
      channel.remoteAddress,
      this.intake.clean(properties, traits, false),
      body,
    );
    if ((traits & UNUSUAL) !== 0 || sysFlag !== 0) this.treatUnusual(topic, message, sysFlag, traits);
    return message;
  }

  private treatUnusual(topic: TopicConfig, message: StoreMessage, sysFlag: number, traits: number): void {
    if (isTransaction(sysFlag, message.properties, traits))
      throw new MessagingError(
        'PROPERTIES_INVALID',
        `A message of a pack to topic ${topic.name} cannot be a transaction; send it on its own.`,
      );
    if ((traits & PropertyTrait.DEDUP) !== 0 && (traits & PropertyTrait.AGAIN) === 0)
      throw notDeduplicated(topic.name, 'A message of a pack');
    if ((traits & (PropertyTrait.DELAY_LEVEL | PropertyTrait.TIMER)) !== 0)
      parkIfDelayed(message, traits, this.clock.now());
  }

  private keep(
    messages: readonly StoreMessage[],
    topics: readonly (TopicConfig | undefined)[],
    topicOf: readonly number[],
    places: readonly number[],
    results: PackResults,
  ): void {
    const stored = messages.length;
    results.open += stored;
    // What the callback names lives until the disk has synced, so it names no message.
    this.store.putMany(messages, (outcomes) => {
      let topic = -1;
      let count = 0;
      let bytes = 0;
      for (let k = 0; k < places.length; k++) {
        const i = places[k]!;
        const error = outcomes.failed ? outcomes.error(k) : undefined;
        if (error !== undefined) {
          results.refused(i, error);
          continue;
        }
        results.stored(i, outcomes.queueOffset(k), outcomes.physicalOffset(k));
        const next = topicOf[i]!;
        if (next !== topic) {
          if (count > 0) this.count(topics[topic]!, count, bytes);
          topic = next;
          count = bytes = 0;
        }
        count++;
        bytes += outcomes.size(k);
      }
      if (count > 0) this.count(topics[topic]!, count, bytes);
      results.settled(stored);
    });
  }

  private count(topic: TopicConfig, messages: number, bytes: number): void {
    this.sends.stored += messages;
    this.traffic.stored(topic, messages, bytes);
  }

  /** The first messages of a topic, and those that are refused for the topic they name. */
  private sendAlone(pack: SendPackHeader, i: number, version: number, channel: Channel, results: PackResults): void {
    const header: SendMessageRequestHeader = {
      producerGroup: pack.producerGroup,
      topic: pack.topics[pack.topicOf[i]!]!,
      defaultTopic: pack.defaultTopic,
      defaultTopicQueueNums: pack.defaultTopicQueueNums,
      queueId: pack.queueIds[i]!,
      sysFlag: pack.sysFlags[i]!,
      bornTimestamp: pack.bornTimestamps[i]!,
      flag: 0,
      properties: pack.properties[i]!,
      batch: false,
    };
    const request = createRequest(RequestCode.SEND_MESSAGE_V2, header, pack.bodies[i]!);
    request.version = version;
    results.open++;
    this.sends.handle(request, channel, (response) => {
      results.answered(i, response);
      results.settled(1);
    });
  }
}

/** A class, so that it is always made young: a dead literal in the old part of the heap would keep bodies. */
class PackedMessage implements StoreMessage {
  flag = 0;
  reconsumeTimes = 0;
  preparedTransactionOffset = 0;

  constructor(
    public topic: string,
    public queueId: number,
    public sysFlag: number,
    public bornTimestamp: number,
    public bornHost: string,
    public properties: string,
    public body: Buffer,
  ) {}
}

/** Fills until no message is open any more, and is the answer then. */
class PackResults {
  readonly header: PackAnswerHeader & { readonly queueIds: number[] };
  private readonly codes: number[];
  private readonly queueOffsets: number[];
  private readonly physicalOffsets: number[];
  private remarks: (string | undefined)[] | undefined;
  /** Those that are not settled, and one more until all have been looked at. */
  open = 1;

  constructor(
    private readonly count: number,
    storeHost: string,
    private readonly respond: Respond,
  ) {
    const column = (): number[] => new Array<number>(count).fill(0);
    this.codes = column();
    this.queueOffsets = column();
    this.physicalOffsets = column();
    this.header = {
      storeHost,
      codes: this.codes,
      queueIds: column(),
      queueOffsets: this.queueOffsets,
      physicalOffsets: this.physicalOffsets,
      remarks: undefined,
    };
  }

  begun(): void {
    this.settled(1);
  }

  settled(messages: number): void {
    this.open -= messages;
    if (this.open > 0) return;
    this.respond(createResponse(ResponseCode.SUCCESS, { ...this.header, remarks: this.remarks }));
  }

  stored(i: number, queueOffset: number, physicalOffset: number): void {
    this.queueOffsets[i] = queueOffset;
    this.physicalOffsets[i] = physicalOffset;
  }

  refused(i: number, error: unknown): void {
    this.answered(i, failure(error));
  }

  /** As the message would have been answered alone. */
  answered(i: number, response: RemotingCommand): void {
    this.codes[i] = response.code;
    if (response.code === ResponseCode.SUCCESS) {
      const { msgId, queueId, queueOffset } = response.header as SendMessageResponseHeader;
      this.header.queueIds[i] = queueId;
      this.stored(i, queueOffset, decodeOffsetMessageId(msgId).physicalOffset);
      return;
    }
    this.remarks ??= new Array<string | undefined>(this.count).fill(undefined);
    this.remarks[i] = (response.remark ?? '').slice(0, LONGEST_REMARK);
  }
}
