import {
  decodeProperties,
  encodeOffsetMessageId,
  ExtensionProperty,
  getProperty,
  isReservedProperty,
  PropertyName,
  type MessageRecord,
} from '../../protocol/index.js';
import type { ContentType } from '../producer/messages.js';
import { ORIGINAL } from '../producer/sent-again.js';

/** What the client knows of a message beyond its record. */
export interface DeliveryView {
  /** Where the message was sent to: for a retry the topic of its first attempt. */
  topic: string;
  brokerName: string;
  attempt: number;
  /** Uncompressed. Belongs to the client; users get a copy. */
  body: Buffer;
  /** Differs from the record's own for the inner messages of a batch record. */
  queueOffset: number;
  properties: string;
  /** Default: false. */
  isRequest?: boolean;
}

/**
 * A message as a handler sees it. Nothing about it can be changed: `body` is a copy of its own, made when first asked
 * for, and everything that is parsed is parsed on demand.
 */
export class ReceivedMessage {
  readonly #record: MessageRecord;
  readonly #view: DeliveryView;
  /** The view counts on when an orderly queue tries again; what this handler was given stays. */
  readonly #attempt: number;
  #body: Buffer | undefined;
  #properties: Readonly<Record<string, string>> | undefined;
  #keys: readonly string[] | undefined;

  constructor(record: MessageRecord, view: DeliveryView) {
    this.#record = record;
    this.#view = view;
    this.#attempt = view.attempt;
  }

  /** The producer's id, the same over retries; the broker's for a message without one. */
  get messageId(): string {
    return this.systemProperty(PropertyName.UNIQUE_KEY) ?? this.offsetMessageId;
  }

  /** Where the broker stored this copy of the message; another one for every retry. */
  get offsetMessageId(): string {
    return encodeOffsetMessageId(this.#record.storeHost, this.#record.physicalOffset);
  }

  /** The topic that the message was sent to, also when it comes as a retry. */
  get topic(): string {
    return this.#view.topic;
  }

  get tag(): string | undefined {
    return this.systemProperty(PropertyName.TAGS);
  }

  get keys(): readonly string[] {
    return (this.#keys ??= Object.freeze(
      (this.systemProperty(PropertyName.KEYS) ?? '').split(' ').filter((key) => key !== ''),
    ));
  }

  /** The sender's own properties. */
  get properties(): Readonly<Record<string, string>> {
    return (this.#properties ??= Object.freeze(userProperties(this.#view.properties)));
  }

  /** A copy for this delivery: changing it harms neither other handlers nor a later attempt. */
  get body(): Buffer {
    return (this.#body ??= Buffer.from(this.#view.body));
  }

  /** @internal The body itself, for reading it once without a copy; whoever changes it changes what others read. */
  static bodyView(message: ReceivedMessage): Buffer {
    return message.#view.body;
  }

  get bodySize(): number {
    return this.#view.body.length;
  }

  /** The body as UTF-8, without copying it first. */
  text(): string {
    return (this.#body ?? this.#view.body).toString('utf8');
  }

  /** What the sender said that the body is; undefined from senders that are not ours. */
  get contentType(): ContentType | undefined {
    const type = this.systemProperty(ExtensionProperty.CONTENT_TYPE);
    return type === 'text' || type === 'json' || type === 'binary' ? type : undefined;
  }

  /** 1 for the first attempt. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Whether somebody has sent it once more, from the dead letters of a group. Its attempts begin anew. */
  get resent(): boolean {
    return this.systemProperty(ExtensionProperty.RESENT) !== undefined;
  }

  /** Whether it comes from a replay. */
  get replayed(): boolean {
    return this.systemProperty(ExtensionProperty.REPLAYED) !== undefined;
  }

  /** The id of the message as it was sent at first: another one than `messageId` when it was resent or replayed. */
  get originId(): string {
    return this.systemProperty(ExtensionProperty.ORIGIN_ID) ?? this.messageId;
  }

  /** Whether it was resent or replayed with `keepIdempotency`: for `@Idempotent` it is the message that it copies. */
  get keepIdempotency(): boolean {
    return this.systemProperty(ExtensionProperty.KEEP_IDEMPOTENCY) !== undefined;
  }

  /**
   * @internal What makes a resend or replay another message than the one it copies, for who handles each once; the same
   * when that order itself is repeated. Undefined for what was never sent again.
   */
  get repetition(): string | undefined {
    const stamp = this.systemProperty(ExtensionProperty.RESENT) ?? this.systemProperty(ExtensionProperty.REPLAYED);
    if (stamp === undefined) return undefined;
    const kept = this.systemProperty(ExtensionProperty.KEEP_IDEMPOTENCY);
    return kept === ORIGINAL ? undefined : (kept ?? stamp);
  }

  get brokerName(): string {
    return this.#view.brokerName;
  }

  /** The queue that the message was sent to, as far as a retry still knows it. */
  get queueId(): number {
    return this.#origin(ExtensionProperty.ORIGIN_QUEUE_ID) ?? this.#record.queueId;
  }

  /** Position in that queue. */
  get queueOffset(): number {
    return this.#origin(ExtensionProperty.ORIGIN_QUEUE_OFFSET) ?? this.#view.queueOffset;
  }

  get bornAt(): Date {
    return new Date(this.#record.bornTimestamp);
  }

  /** When the broker stored it; kept when retention moves the record. */
  get storedAt(): Date {
    const first = Number(this.systemProperty(ExtensionProperty.FIRST_STORED_AT));
    return new Date(Number.isFinite(first) && first > 0 ? first : this.#record.storeTimestamp);
  }

  /** From then on no handler gets it; undefined: never. */
  get expiresAt(): Date | undefined {
    const at = Number(this.systemProperty(ExtensionProperty.EXPIRES_AT) ?? Number.NaN);
    return Number.isSafeInteger(at) ? new Date(at) : undefined;
  }

  /** A property of the broker's or the protocol's, for example `__SHARDINGKEY`; also finds the sender's own. */
  systemProperty(name: string): string | undefined {
    return getProperty(this.#view.properties, name);
  }

  /** Whether its sender waits for what the listener returns: `template.request`. */
  get isRequest(): boolean {
    return this.#view.isRequest ?? false;
  }

  toJSON(): object {
    const { messageId, topic, tag, keys, properties, attempt, brokerName, queueId, queueOffset, bornAt, bodySize } =
      this;
    return { messageId, topic, tag, keys, properties, attempt, brokerName, queueId, queueOffset, bornAt, bodySize };
  }

  #origin(name: string): number | undefined {
    if (this.#attempt === 1 && !this.resent && !this.replayed) return undefined;
    const value = Number(this.systemProperty(name) ?? Number.NaN);
    return Number.isSafeInteger(value) ? value : undefined;
  }
}

// Names come from the wire: no prototype, so that `__proto__` is a property like any other.
function userProperties(text: string): Record<string, string> {
  const own = Object.create(null) as Record<string, string>;
  for (const [name, value] of decodeProperties(text)) {
    if (!isReservedProperty(name)) own[name] = value;
  }
  return own;
}
