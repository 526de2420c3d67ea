import {
  type MessageQueue,
  type MessageRecord,
  MessagingError,
  DEAD_LETTER_PREFIX,
  ExtensionProperty,
  getProperty,
  PropertyName,
} from '../../protocol/index.js';
import { ReceivedMessage } from '../consumer/received-message.js';

/** @publicApi */
export type DeadLetterState = 'open' | 'resent' | 'removed';

/** A message that a group gave up, and why. @publicApi */
export class DeadLetter {
  /** Where it lies: `broker:queue:offset`. Good until retention carries the letter on, after three days by default. */
  readonly id: string;
  /** Who gave it up. */
  readonly group: string;
  /** Class of the last error; undefined when the client did not say. */
  readonly errorClass: string | undefined;
  /** Message of the last error. */
  readonly reason: string | undefined;
  /** How often it was tried. */
  readonly attempts: number;
  /** Undefined in the letters of Apache's broker, which notes none. */
  readonly firstFailedAt: Date | undefined;
  readonly lastFailedAt: Date;
  /** Where it was sent to. */
  readonly origin: { readonly topic: string; readonly queueId?: number; readonly queueOffset?: number };
  /** The message itself; its topic is the one that it was sent to. */
  readonly message: ReceivedMessage;
  /** @internal The wire form of its properties. */
  readonly properties: string;
  /** @internal Uncompressed. */
  readonly body: Buffer;
  /** @internal */
  readonly queue: MessageQueue;
  /** @internal */
  readonly offset: number;

  /** @internal */
  constructor(
    record: MessageRecord,
    queue: MessageQueue,
    body: Buffer,
    /** What has become of it since. */
    readonly state: DeadLetterState,
  ) {
    const { properties, queueOffset } = record;
    const property = (name: string): string | undefined => getProperty(properties, name);
    const whole = (name: string): number | undefined => {
      const text = property(name);
      return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
    };
    this.id = letterId(queue, queueOffset);
    this.queue = queue;
    this.offset = queueOffset;
    this.group = queue.topic.slice(DEAD_LETTER_PREFIX.length);
    this.errorClass = property(ExtensionProperty.DLQ_ERROR_CLASS);
    this.reason = property(ExtensionProperty.DLQ_ERROR_MESSAGE);
    this.attempts = whole(ExtensionProperty.DLQ_ATTEMPTS) ?? Math.max(1, record.reconsumeTimes);
    const first = whole(ExtensionProperty.DLQ_FIRST_FAILED_AT);
    this.firstFailedAt = first === undefined ? undefined : new Date(first);
    this.lastFailedAt = new Date(whole(ExtensionProperty.DLQ_LAST_FAILED_AT) ?? record.storeTimestamp);
    const topic = property(ExtensionProperty.DLQ_TOPIC) ?? property(PropertyName.RETRY_TOPIC) ?? queue.topic;
    this.origin = Object.freeze({
      topic,
      queueId: whole(ExtensionProperty.DLQ_QUEUE_ID),
      queueOffset: whole(ExtensionProperty.DLQ_QUEUE_OFFSET),
    });
    this.properties = properties;
    this.body = body;
    const { brokerName } = queue;
    this.message = new ReceivedMessage(record, {
      topic,
      brokerName,
      attempt: this.attempts,
      body,
      queueOffset,
      properties,
    });
  }

  get topic(): string {
    return this.origin.topic;
  }

  get tag(): string | undefined {
    return this.message.tag;
  }

  /** What was sent: text, parsed JSON or bytes, as far as the message says which; bytes otherwise. */
  get payload(): unknown {
    const { contentType } = this.message;
    if (contentType === 'text') return this.message.text();
    if (contentType !== 'json') return this.message.body;
    try {
      return JSON.parse(this.message.text());
    } catch {
      return this.message.body;
    }
  }

  /** What a resend of this letter is stamped with: the same however often it is repeated, another one for a later failure. */
  get resentId(): string {
    return `${this.group}:${this.message.messageId}:${this.lastFailedAt.getTime().toString(36)}`;
  }

  toJSON(): object {
    const { id, group, state, errorClass, reason, attempts, firstFailedAt, lastFailedAt, origin, message } = this;
    return { id, group, state, errorClass, reason, attempts, firstFailedAt, lastFailedAt, origin, message };
  }
}

export function letterId({ brokerName, queueId }: MessageQueue, offset: number): string {
  return `${brokerName}:${queueId}:${offset}`;
}

/** @throws MessagingError BAD_ARGUMENT for what is no id of a dead letter. */
export function parseLetterId(id: unknown): { brokerName: string; queueId: number; offset: number } {
  const match = typeof id === 'string' ? /^(.{1,255}):(\d{1,5}):(\d{1,15})$/.exec(id) : null;
  if (match === null) {
    const shown = typeof id === 'string' ? JSON.stringify(id.slice(0, 60)) : typeof id;
    throw new MessagingError('BAD_ARGUMENT', `${shown} is no id of a dead letter; take the id or cursor of a list`);
  }
  return { brokerName: match[1]!, queueId: Number(match[2]), offset: Number(match[3]) };
}
