import type { Platform } from '../platform/index.js';
import {
  checkGroup,
  createResponse,
  isHiddenTopic,
  MessagingError,
  OFFSET_RESET,
  type PullMessageRequestHeader,
  type PullMessageResponseHeader,
  PullSysFlag,
  Permission,
  type RemotingCommand,
  ResponseCode,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { Arrival, MessageStore, ReadResult, ReadStatus, TopicConfig } from '../store/index.js';
import { type AnswerLease, AnswerMemory } from './answer-memory.js';
import { failure, refusal } from './answers.js';
import type { Consumers } from './consumers.js';
import { HeldPull, HeldPulls } from './held-pulls.js';
import type { OffsetBook } from './offset-book.js';
import type { ResolvedBrokerOptions } from './options.js';
import type { PositionResets } from './position-resets.js';
import { type Asked, type SharedAnswer, SharedAnswers } from './shared-answers.js';
import { compileSubscription, type Subscription, type SubscriptionProblem } from './subscription.js';
import type { TopicManager } from './topic-manager.js';
import type { Traffic } from './traffic/traffic.js';

/** Clients give up on a pull after 30 s: the answer must be there before. */
const LONGEST_WAIT = 30_000;
const MOST_MESSAGES = 1024;
/** Bytes of one answer unless the client says otherwise, and the most that it may say. */
const DEFAULT_BYTES = 256 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/**
 * Expressions that pulls bring along are compiled once; the table is emptied when it holds this many characters of them.
 * Compiled SQL takes up to a hundred times the memory of its text.
 */
const MOST_EXPRESSIONS = 256 * 1024;
/** Longer ones are not kept: they would push out all others. */
const LONGEST_EXPRESSION = 4_096;
/** What an entry of the table costs beside its characters. */
const ENTRY_COST = 64;
/** Smaller answers are copied to the socket at once, and have left before somebody else can ask for the same. */
const LEAST_SHARED = 16_384;

const RESPONSE_CODES: Record<ReadStatus, number> = {
  FOUND: ResponseCode.SUCCESS,
  NO_MATCHED_MESSAGE: ResponseCode.PULL_RETRY_IMMEDIATELY,
  MESSAGE_WAS_REMOVING: ResponseCode.PULL_RETRY_IMMEDIATELY,
  NO_MATCHED_LOGIC_QUEUE: ResponseCode.PULL_OFFSET_MOVED,
  NO_MESSAGE_IN_QUEUE: ResponseCode.PULL_OFFSET_MOVED,
  OFFSET_OVERFLOW_ONE: ResponseCode.PULL_NOT_FOUND,
  OFFSET_OVERFLOW_BADLY: ResponseCode.PULL_OFFSET_MOVED,
  OFFSET_TOO_SMALL: ResponseCode.PULL_OFFSET_MOVED,
};

/** A pull before it waits. */
type Pull = Pick<HeldPull, 'header' | 'channel' | 'respond' | 'subscription' | 'offset'>;

/** What an answer over the network is made with. */
interface OwnAnswer {
  readonly asked: Asked;
  readonly lease: AnswerLease;
  /** Whether others are answered in the same turn. */
  readonly company: boolean;
}

/** PULL_MESSAGE and LITE_PULL_MESSAGE: answers at once, or holds the pull until messages come. */
export class PullProcessor {
  readonly held: HeldPulls;
  private readonly expressions = new Map<string, Subscription>();
  private expressionsCost = 0;
  private readonly memory = new AnswerMemory();
  private readonly shared: SharedAnswers;
  /** Messages handed out since the start. */
  delivered = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly consumers: Consumers,
    private readonly offsets: OffsetBook,
    private readonly resets: PositionResets,
    private readonly traffic: Traffic,
    private readonly options: ResolvedBrokerOptions,
    private readonly platform: Platform,
  ) {
    this.shared = new SharedAnswers(store);
    this.held = new HeldPulls(platform.clock, options.maxHeldPulls, (pull, woken, company) =>
      this.resume(pull, woken, company),
    );
    store.onVisible((arrivals) => {
      // With a topic for every message there are as many arrivals as messages, also where nobody reads.
      if (this.held.size > 0) for (const arrival of arrivals) this.wake(arrival);
    });
  }

  readonly handle = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const header = request.header as PullMessageRequestHeader;
    try {
      const topic = this.topicOf(header);
      const subscription = this.subscriptionOf(header, channel, topic);
      if ('code' in subscription) {
        respond(subscription);
        return;
      }
      const barred = this.barred(header);
      if (barred !== undefined) {
        respond(barred);
        return;
      }
      if (this.startsAnew(header, channel, respond)) return;
      if ((header.sysFlag & PullSysFlag.COMMIT_OFFSET) !== 0) {
        this.offsets.commitWithPull(header.consumerGroup, header.topic, header.queueId, header.commitOffset);
      }
      const wait =
        (header.sysFlag & PullSysFlag.SUSPEND) === 0 ? 0 : Math.min(header.suspendTimeoutMillis, LONGEST_WAIT);
      this.read(topic, { header, channel, respond, subscription, offset: header.queueOffset }, wait, false, false);
    } catch (error) {
      respond(failure(error));
    }
  };

  private topicOf(header: PullMessageRequestHeader): TopicConfig {
    const topic = this.topics.get(header.topic);
    if (topic === undefined)
      throw new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${header.topic} on this broker.`);
    if (isHiddenTopic(topic.name)) {
      throw new MessagingError('NO_PERMISSION', `Topic ${topic.name} is read by the broker only.`);
    }
    if ((topic.perm & Permission.READ) === 0) {
      throw new MessagingError('NO_PERMISSION', `Topic ${topic.name} is not readable (perm ${topic.perm}).`);
    }
    if (header.queueId < 0 || header.queueId >= topic.readQueueNums) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Topic ${topic.name} has no queue ${header.queueId}; it has ${topic.readQueueNums} to read.`,
      );
    }
    return topic;
  }

  private subscriptionOf(
    header: PullMessageRequestHeader,
    channel: Channel,
    topic: TopicConfig,
  ): Subscription | RemotingCommand {
    let subscription: Subscription | undefined;
    if ((header.sysFlag & PullSysFlag.SUBSCRIPTION) !== 0) {
      checkGroup(header.consumerGroup);
      subscription = this.compiled(topic.name, header.subscription ?? '*', header.expressionType, header.subVersion);
      return subscription.problem === undefined ? subscription : refused(subscription.problem);
    } else {
      const group = this.consumers.group(header.consumerGroup);
      subscription = group?.subscription(channel, topic.name);
      if (subscription === undefined) {
        const what =
          group === undefined
            ? `Group ${header.consumerGroup} has no member`
            : `Group ${group.name} has not subscribed to ${topic.name}`;
        return refusal(
          ResponseCode.SUBSCRIPTION_NOT_EXIST,
          `GROUP_NOT_FOUND: ${what} on this broker; send a heartbeat first`,
        );
      }
      group!.notePull(channel, topic.name, header.queueId, header.queueOffset);
      if (subscription.version < header.subVersion) {
        return refusal(
          ResponseCode.SUBSCRIPTION_NOT_LATEST,
          `BROKER_ERROR: the broker knows an older subscription of ${topic.name}; send a heartbeat first`,
        );
      }
    }
    // RocketMQ keeps no filter of an expression that it does not understand.
    const { problem } = subscription;
    if (problem?.code === ResponseCode.SUBSCRIPTION_PARSE_FAILED)
      return refused({ ...problem, code: ResponseCode.FILTER_DATA_NOT_EXIST });
    return problem === undefined ? subscription : refused(problem);
  }

  private compiled(topic: string, expression: string, type: string | undefined, version: number): Subscription {
    const key = `${type ?? ''} ${expression}`;
    let subscription = this.expressions.get(key);
    if (subscription === undefined) {
      const wanted = { topic, subString: expression, expressionType: type ?? '', subVersion: version };
      subscription = compileSubscription(wanted, this.options.sqlFilters);
      if (key.length > LONGEST_EXPRESSION) return subscription;
      const cost = key.length + ENTRY_COST;
      if (this.expressionsCost + cost > MOST_EXPRESSIONS) {
        this.expressions.clear();
        this.expressionsCost = 0;
      }
      this.expressions.set(key, subscription);
      this.expressionsCost += cost;
    }
    return subscription;
  }

  private read(
    { number: topicNumber }: TopicConfig,
    pull: Pull,
    /** Milliseconds; 0 answers at once. */
    wait: number,
    /** Whether it has waited already. */
    again: boolean,
    /** Whether others are answered in the same turn. */
    company: boolean,
  ): void {
    const { header, respond, subscription, offset } = pull;
    const { topic, queueId } = header;
    const maxMessages = Math.max(1, Math.min(header.maxMsgNums, MOST_MESSAGES));
    const maxBytes =
      header.maxMsgBytes === undefined || header.maxMsgBytes <= 0
        ? DEFAULT_BYTES
        : Math.min(header.maxMsgBytes, MOST_BYTES);
    // In process the body is the consumer's, who keeps it as long as it likes.
    let own: OwnAnswer | undefined;
    if (pull.channel.givesBack === true) {
      const asked: Asked = { topicNumber, queueId, offset, maxMessages, maxBytes, wish: subscription.wish };
      const alike = this.shared.find(topic, asked);
      if (alike !== undefined) {
        this.answerAlike(alike, pull);
        return;
      }
      own = { asked, lease: this.memory.lease(), company };
    }
    const { matches, accepts } = subscription;
    const memory = own?.lease;
    const result = this.store.read({ topic, queueId, offset, maxMessages, maxBytes, matches, accepts, memory });
    if (!(result instanceof Promise)) {
      this.finish(result, pull, own, wait, again);
      return;
    }
    result
      .then((late) => {
        // The queue may have grown while the disk was read: to wait now would miss that, so the client asks again.
        const grown = this.store.maxOffset(topic, queueId) > late.maxOffset;
        this.finish(late, pull, own && { ...own, company: false }, grown ? 0 : wait, again);
      })
      .catch((error: unknown) => respond(failure(error)));
  }

  private finish(result: ReadResult, pull: Pull, own: OwnAnswer | undefined, wait: number, again: boolean): void {
    const { header, channel, respond, subscription } = pull;
    const code = codeOf(result, header.queueOffset);
    // Woken by messages that turned out to be for others: it waits on behind them, and nothing was sent to say so.
    const inVain = again && result.status === 'NO_MATCHED_MESSAGE' && result.nextBeginOffset === result.maxOffset;
    if ((code !== ResponseCode.PULL_NOT_FOUND && !inVain) || wait <= 0) {
      const { consumerGroup, topic, queueId } = header;
      const next =
        result.status === 'OFFSET_OVERFLOW_BADLY'
          ? this.offsets.goOn(consumerGroup, topic, queueId)
          : result.nextBeginOffset;
      this.answer(code, result, next, pull, own);
      return;
    }
    if (channel.closed) return;
    const deadline = this.platform.clock.monotonic() + wait;
    const offset = inVain ? result.nextBeginOffset : pull.offset;
    if (!this.held.hold(new HeldPull(header, channel, respond, subscription, offset, deadline))) {
      respond(
        refusal(
          ResponseCode.SYSTEM_BUSY,
          `BROKER_BUSY: [REJECTREQUEST] ${this.held.size} pulls are waiting already; pull again later`,
        ),
      );
    }
  }

  private wake({ topic, queueId, maxOffset, arrivedTags }: Arrival): void {
    this.held.wake(topic, queueId, maxOffset, arrivedTags);
    this.shared.release();
  }

  /** Answers a pull that has waited, with whatever there is now. */
  private resume(pull: HeldPull, woken: boolean, company: boolean): void {
    if (pull.channel.closed) return;
    // One that cannot be answered must neither keep the others waiting nor throw into the timer or the store.
    try {
      const topic = this.topics.get(pull.header.topic);
      if (topic === undefined) {
        pull.respond(
          refusal(ResponseCode.TOPIC_NOT_EXIST, `TOPIC_NOT_FOUND: topic ${pull.header.topic} has been deleted`),
        );
        return;
      }
      const barred = this.barred(pull.header);
      if (barred !== undefined) {
        pull.respond(barred);
        return;
      }
      if (this.startsAnew(pull.header, pull.channel, pull.respond)) return;
      // Tags' hashes have told that there is something; beyond them only the messages can.
      const mayWait = woken && pull.subscription.accepts !== undefined;
      this.read(topic, pull, mayWait ? pull.deadline - this.platform.clock.monotonic() : 0, mayWait, woken && company);
    } catch (error) {
      pull.respond(failure(error));
    }
  }

  /** What an operator has forbidden the group. */
  private barred({ consumerGroup, topic }: PullMessageRequestHeader): RemotingCommand | undefined {
    const group = this.store.groups.get(consumerGroup);
    if (group === undefined) return undefined;
    let why: string | undefined;
    if (!group.consumeEnable) why = `Group ${consumerGroup} may not consume now (consumeEnable is false)`;
    else if (group.forbidden?.includes(topic) === true) why = `Group ${consumerGroup} may not read ${topic} now`;
    else if (!group.consumeBroadcastEnable && this.consumers.group(consumerGroup)?.broadcasting === true)
      why = `Group ${consumerGroup} may not consume as a broadcast group (consumeBroadcastEnable is false)`;
    return why === undefined ? undefined : refusal(ResponseCode.NO_PERMISSION, `NO_PERMISSION: ${why}`);
  }

  /** Answers a member whose position was moved under it as RocketMQ 5 does. */
  private startsAnew(header: PullMessageRequestHeader, channel: Channel, respond: Respond): boolean {
    const { consumerGroup, topic, queueId } = header;
    if (!this.resets.isStale(consumerGroup, topic, queueId, channel)) return false;
    const moved: PullMessageResponseHeader = {
      suggestWhichBrokerId: 0,
      nextBeginOffset: this.offsets.goOn(consumerGroup, topic, queueId),
      minOffset: this.store.minOffset(topic, queueId),
      maxOffset: this.store.maxOffset(topic, queueId),
    };
    respond(createResponse(ResponseCode.PULL_OFFSET_MOVED, moved, OFFSET_RESET));
    return true;
  }

  private answer(
    code: number,
    result: ReadResult,
    nextBeginOffset: number,
    pull: Pull,
    own: OwnAnswer | undefined,
  ): void {
    const { status, minOffset, maxOffset, chunks } = result;
    const header: PullMessageResponseHeader = { suggestWhichBrokerId: 0, nextBeginOffset, minOffset, maxOffset };
    if (code !== ResponseCode.SUCCESS) {
      this.traffic.missed.add(1, 0);
      pull.respond(createResponse(code, header, status));
      return;
    }
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    let sent = own?.lease.giveBack;
    if (own !== undefined && (own.company || body.length >= LEAST_SHARED)) {
      const answer = this.shared.keep(own.asked, result, body, own.lease.giveBack);
      sent = answer.use();
      if (own.company) this.shared.hold(answer);
    }
    this.found(pull, header, result, body, sent);
  }

  /** Answers with what another pull was answered with. */
  private answerAlike(answer: SharedAnswer, pull: Pull): void {
    const { topic, queueId } = pull.header;
    const { result, body } = answer;
    const header: PullMessageResponseHeader = {
      suggestWhichBrokerId: 0,
      nextBeginOffset: result.nextBeginOffset,
      minOffset: this.store.minOffset(topic, queueId),
      maxOffset: this.store.maxOffset(topic, queueId),
    };
    this.found(pull, header, result, body, answer.use());
  }

  private found(
    { header: { consumerGroup, topic }, respond }: Pull,
    header: PullMessageResponseHeader,
    { messageCount, status }: ReadResult,
    body: Buffer,
    sent: (() => void) | undefined,
  ): void {
    this.delivered += messageCount;
    this.traffic.delivered(consumerGroup, topic, messageCount, body.length);
    respond(createResponse(ResponseCode.SUCCESS, header, status, body), sent);
  }
}

function refused({ code, remark }: SubscriptionProblem): RemotingCommand {
  return refusal(code, remark);
}

function codeOf({ status, nextBeginOffset }: ReadResult, offset: number): number {
  // Told to try again at once where nothing can be read, a client would do so for ever and do nothing else.
  if (RESPONSE_CODES[status] === ResponseCode.PULL_RETRY_IMMEDIATELY && nextBeginOffset <= offset)
    return ResponseCode.PULL_NOT_FOUND;
  // A queue that is still empty is no surprise to who starts at its beginning.
  if (offset === 0 && (status === 'NO_MESSAGE_IN_QUEUE' || status === 'NO_MATCHED_LOGIC_QUEUE'))
    return ResponseCode.PULL_NOT_FOUND;
  return RESPONSE_CODES[status];
}
