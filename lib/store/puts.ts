import { type AlikeBatch, LIMITS, MessagingError } from '../protocol/index.js';
import type { CommitLog } from './commitlog/commit-log.js';
import type { StoreParts } from './open-store.js';
import { type PutBatchCallback, type PutManyCallback, PutOutcomes } from './put-outcomes.js';
import type { ConsumeQueue } from './queue/consume-queue.js';
import type { PutCallback, StoreMessage, StoreMessages } from './types.js';

/** The ways into the log, and what keeps a message out of it. */
export class Puts {
  /** Why everything is refused while the store is not open. */
  refusal: MessagingError | undefined;
  private readonly log: CommitLog;

  constructor(private readonly parts: StoreParts) {
    this.log = parts.log;
  }

  /** One message, encoded before this returns. `evenWhenFull` appends above the hard limit of the disk as well. */
  put(message: StoreMessage, done: PutCallback, evenWhenFull = false): void {
    try {
      this.log.append(message, this.queueFor(message, evenWhenFull), done);
    } catch (error) {
      const refusal = asMessagingError(error);
      this.parts.platform.clock.defer(() => done(refusal, undefined));
    }
  }

  /**
   * As `put`; the messages lie in the log one behind the other, and `done` comes once all of them are visible. A write that
   * fails keeps none of them. A crash before `done` may leave the first ones, as it may leave any unacknowledged message.
   */
  putBatch(messages: StoreMessages, done: PutBatchCallback): void {
    const count = messages.length;
    const alike = alikeWithin(messages);
    // Nearly always the same for all of them.
    let queue: ConsumeQueue | undefined;
    try {
      if (count === 0) throw new MessagingError('BAD_ARGUMENT', 'A batch without messages cannot be stored.');
      // Before the first is appended: a batch is refused as a whole.
      let most = 0;
      if (alike !== undefined) {
        const first = messages.at(0)!;
        queue = this.queueFor(first, false);
        most = (this.log.verify(first, queue) - first.body.length) * count + alike.bodies.end(count - 1);
      } else {
        for (let place = 0; place < count; place++) {
          const message = messages.at(place)!;
          if (queue?.topic !== message.topic || queue.queueId !== message.queueId)
            queue = this.queueFor(message, false);
          most += this.log.verify(message, queue);
        }
      }
      this.log.together(most);
    } catch (error) {
      const refusal = asMessagingError(error);
      this.parts.platform.clock.defer(() => done(refusal, undefined));
      return;
    }
    const settled = (outcomes: PutOutcomes): void =>
      outcomes.failed ? done(outcomes.firstError, undefined) : done(undefined, outcomes);
    const outcomes = new PutOutcomes(count, settled, true);
    const now = this.parts.platform.clock.now();
    if (alike !== undefined && this.log.appendAlike(messages.at(0)!, alike, queue!, outcomes, now)) return;
    for (let place = 0; place < count; place++) {
      const message = messages.at(place)!;
      if (queue?.topic !== message.topic || queue.queueId !== message.queueId) queue = this.queueFor(message, false);
      this.log.append(message, queue, outcomes, place, true, now);
    }
  }

  /**
   * Independent messages: each is stored or refused for itself, and those of one queue keep their order. `done` comes once,
   * when all that could be stored are visible, never before this returns.
   */
  putMany(messages: readonly StoreMessage[], done: PutManyCallback): void {
    const outcomes = new PutOutcomes(messages.length, done);
    const now = this.parts.platform.clock.now();
    let finished = messages.length === 0;
    for (let index = 0; index < messages.length; index++) {
      const message = messages[index]!;
      try {
        this.log.append(message, this.queueFor(message, false), outcomes, index, false, now);
      } catch (error) {
        finished = outcomes.refuse(index, asMessagingError(error));
      }
    }
    if (finished) this.parts.platform.clock.defer(() => outcomes.finish());
  }

  private queueFor(message: StoreMessage, evenWhenFull: boolean): ConsumeQueue {
    if (this.refusal !== undefined) throw this.refusal;
    const { guard, queues, topics } = this.parts;
    const full = guard.full;
    if (full !== undefined && (!evenWhenFull || guard.blocked)) throw full;
    const queue = queues.forAppend(message.topic, message.queueId, message.topicNumber);
    if (queue !== undefined) return queue;
    const topic = topics.get(message.topic);
    throw topic === undefined
      ? new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${message.topic} in this store. Create it first.`)
      : new MessagingError(
          'BAD_ARGUMENT',
          `Topic ${message.topic} has ${topic.writeQueueNums} queues; there is no queue ${message.queueId}.`,
        );
  }
}

/** What is written as one; not where one of the bodies may be too large. */
function alikeWithin({ alike }: StoreMessages): AlikeBatch | undefined {
  return alike !== undefined && alike.bodies.end(alike.length - 1) <= LIMITS.bodyBytes ? alike : undefined;
}

function asMessagingError(error: unknown): MessagingError {
  return error instanceof MessagingError
    ? error
    : new MessagingError('BROKER_ERROR', `Storing a message failed: ${String(error)}`, { cause: error });
}
