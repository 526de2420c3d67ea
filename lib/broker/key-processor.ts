import {
  createResponse,
  type HoldKeysRequestHeader,
  type HoldKeysResponseHeader,
  isSendableTopic,
  MessagingError,
  type RemotingCommand,
  ResponseCode,
  type SpreadKeysRequestHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { answerLater, success } from './answers.js';
import type { KeyHolds } from './key-holds.js';
import type { OffsetBook } from './offset-book.js';
import type { TopicManager } from './topic-manager.js';

/** HOLD_KEYS and SPREAD_KEYS: the keys of a topic move to more queues. */
export class KeyProcessor {
  constructor(
    private readonly holds: KeyHolds,
    private readonly offsets: OffsetBook,
    private readonly topics: TopicManager,
  ) {}

  readonly hold = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, holdId, holdMillis, begin } = request.header as HoldKeysRequestHeader;
    this.checkTopic(topic);
    if (holdMillis <= 0) {
      this.holds.end(topic, holdId);
      respond(createResponse<HoldKeysResponseHeader>(ResponseCode.SUCCESS, { settled: false }));
      return;
    }
    if (begin) this.holds.begin(topic, holdId, holdMillis);
    else this.holds.prolong(topic, holdId, holdMillis);
    const settled = this.holds.settled(topic, holdId);
    respond(createResponse<HoldKeysResponseHeader>(ResponseCode.SUCCESS, { settled }));
  };

  readonly spread = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, holdId, orderedQueues } = request.header as SpreadKeysRequestHeader;
    this.checkTopic(topic);
    // It must not lapse while the switch is on its way to the disk.
    this.holds.keep(topic, holdId);
    if (!this.holds.settled(topic, holdId))
      throw new MessagingError('BROKER_BUSY', `What was sent to ${topic} before its keys were held is not stored yet.`);
    const spread = this.topics.spreadKeys(topic, orderedQueues).finally(() => this.holds.end(topic, holdId));
    answerLater(spread, respond, () => success());
  };

  private checkTopic(topic: string): void {
    this.offsets.queueOf(topic, 0);
    if (isSendableTopic(topic)) return;
    throw new MessagingError('BAD_ARGUMENT', `Nobody sends with keys to ${topic}; it is the broker's own.`);
  }
}
