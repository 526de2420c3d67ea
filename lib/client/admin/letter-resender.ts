import { ExtensionProperty, type MessagingError, PropertyName, retryTopic } from '../../protocol/index.js';
import { asMessagingError } from '../connection/response-error.js';
import type { Producer } from '../producer/producer.js';
import { againProperties, keptIdempotency, type SentAgain } from '../producer/sent-again.js';
import type { DeadLetter } from './dead-letter.js';
import type { LetterBox } from './letter-box.js';

/** What has become of one dead letter. @publicApi */
export interface LetterOutcome {
  /** Of the letter. */
  id: string;
  /**
   * - `resent`, `removed`: done now
   * - `settled-before`: was resent or removed earlier; nothing was done
   * - `gone`: is not there any more
   * - `failed`: nothing was sent as far as is known, and the letter stays open; see `error`
   */
  result: 'resent' | 'removed' | 'settled-before' | 'gone' | 'failed';
  /** Of the new message. */
  messageId?: string;
  /** What the new message is stamped with: repeating the resend gives the same. */
  resentId?: string;
  /** Whether the letter is marked, so that it is not offered again. False on Apache's broker, which keeps no marks. */
  marked: boolean;
  /** Why it failed; of a letter that was resent, why it could not be marked. */
  error?: MessagingError;
}

/** Sends dead letters again, a handful at a time: first the messages, then the marks. */
export class LetterResender {
  constructor(
    private readonly producer: Producer,
    private readonly box: LetterBox,
    /** Undefined: back to the group that gave them up, and to no other. */
    private readonly topic: string | undefined,
    private readonly keepIdempotency: boolean,
  ) {}

  /**
   * A process that dies in here has sent some of them without marking them: they are open still, and sent once more they
   * carry the same stamp. The other way round a letter could be marked that nobody ever sent. Never rejects.
   */
  async resend(letters: readonly DeadLetter[]): Promise<LetterOutcome[]> {
    const outcomes = await Promise.all(letters.map((letter) => this.send(letter)));
    const sent = letters.filter((_, index) => outcomes[index]!.result === 'resent');
    if (sent.length === 0) return outcomes;
    const marked = await this.mark(sent);
    for (const outcome of outcomes) {
      if (outcome.result !== 'resent') continue;
      outcome.marked = marked === true;
      if (typeof marked !== 'boolean') outcome.error = marked;
    }
    return outcomes;
  }

  private async mark(letters: readonly DeadLetter[]): Promise<boolean | MessagingError> {
    try {
      return await this.box.mark(letters, 'resent');
    } catch (error) {
      return asMessagingError(error, 'Marking dead letters as resent');
    }
  }

  private async send(letter: DeadLetter): Promise<LetterOutcome> {
    const { id, resentId } = letter;
    try {
      const { messageId } = await this.producer.sendAgain(this.message(letter));
      return { id, result: 'resent', messageId, resentId, marked: false };
    } catch (error) {
      const what = `Resending the dead letter ${id} of ${letter.group}`;
      return { id, result: 'failed', marked: false, error: asMessagingError(error, what) };
    }
  }

  private message(letter: DeadLetter): SentAgain {
    const { group, body, message, origin, resentId } = letter;
    const stamp = [ExtensionProperty.RESENT, resentId] as const;
    const kept = this.keepIdempotency ? [keptIdempotency(letter.properties)] : [];
    const storedId = message.offsetMessageId;
    if (this.topic !== undefined) {
      const properties = againProperties(letter.properties, storedId, [stamp, ...kept]);
      return { topic: this.topic, body, properties, shardingKey: message.systemProperty(PropertyName.SHARDING_KEY) };
    }
    // As a first attempt of the group: to the topic itself it would reach groups that have handled it long ago.
    const properties = againProperties(letter.properties, storedId, [
      stamp,
      ...kept,
      [PropertyName.RETRY_TOPIC, origin.topic],
      [PropertyName.ORIGIN_MESSAGE_ID, message.systemProperty(PropertyName.ORIGIN_MESSAGE_ID)],
      [ExtensionProperty.ORIGIN_QUEUE_ID, origin.queueId],
      [ExtensionProperty.ORIGIN_QUEUE_OFFSET, origin.queueOffset],
    ]);
    return { topic: retryTopic(group), body, properties, shardingKey: undefined };
  }
}
