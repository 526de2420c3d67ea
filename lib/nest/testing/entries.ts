import type { ConsumeMode, ContentType, ReceivedMessage, SendResult, TransactionState } from '../../client/index.js';

/** A message that was sent, or that was to be. @publicApi */
export interface SentMessage<T = unknown> {
  readonly application: string;
  readonly connection: string;
  /** The kit's broker: named after the connection, unless `brokerOf` says otherwise. */
  readonly broker: string;
  readonly topic: string;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  /** The sender's own. */
  readonly properties: Readonly<Record<string, string>>;
  /** Converted back from the bytes that travelled: what a listener without a DTO gets; a Buffer when that is impossible. */
  readonly payload: T;
  readonly body: Buffer;
  readonly contentType: ContentType | undefined;
  /** The key of `sendOrderly`. */
  readonly shardingKey: string | undefined;
  /** When a delayed message is to be delivered, in virtual time. */
  readonly deliverAt: Date | undefined;
  readonly delayLevel: number | undefined;
  readonly oneWay: boolean;
  /** Of a transactional message: the outcome when the send returned; a check may have changed UNKNOWN since. */
  readonly transactionState: TransactionState | undefined;
  /** The messages that shared its acknowledgement; 1 when it was not sent in a batch. */
  readonly batchSize: number;
  /** In virtual time. */
  readonly sentAt: Date;
  /** Undefined for a one-way send and for one that failed. */
  readonly messageId: string | undefined;
  readonly result: SendResult | undefined;
  /** Why the send was rejected. */
  readonly error: unknown;
}

/**
 * What became of one delivery: `acknowledged`, `retried`, `dead-lettered`, `postponed` (PostponeError), or `failed` where
 * no attempt follows: in a broadcast group, at most once, and of a request, whose error is the reply.
 */
export type DeliveryOutcome = 'acknowledged' | 'retried' | 'dead-lettered' | 'failed' | 'postponed';

/** One delivery to a listener whose handler has settled. @publicApi */
export interface ConsumedMessage<T = unknown> {
  readonly application: string;
  readonly connection: string;
  /** The kit's broker: named after the connection, unless `brokerOf` says otherwise. */
  readonly broker: string;
  readonly group: string;
  readonly mode: ConsumeMode;
  /** `Class.method`, as in `MessageListenerRegistry`. */
  readonly listener: string;
  readonly topic: string;
  readonly tag: string | undefined;
  readonly messageId: string;
  readonly payload: T;
  readonly message: ReceivedMessage;
  /** 1 for the first. */
  readonly attempt: number;
  readonly outcome: DeliveryOutcome;
  /** What the handler, or an enhancer before it, threw. */
  readonly error: unknown;
  /** Milliseconds that the handler asked for (RetryLaterError, PostponeError); undefined leaves it to `backoff` or the ladder. */
  readonly retryDelay: number | undefined;
  /** In virtual time. */
  readonly settledAt: Date;
}

/** A message in the dead letters of a group, or a transaction that nobody settled. @publicApi */
export interface DeadLetter<T = unknown> {
  /** The kit's broker: named after the connection, unless `brokerOf` says otherwise. */
  readonly broker: string;
  /** The consumer group; of a transaction its producer group, `<application>-<transaction>`. */
  readonly group: string;
  /** That it was sent to. */
  readonly topic: string;
  readonly tag: string | undefined;
  readonly messageId: string;
  readonly payload: T;
  /** As it stands in the dead letters. */
  readonly message: ReceivedMessage;
  readonly errorClass: string | undefined;
  readonly reason: string | undefined;
  /** Of the handler; of a transaction, how often its outcome was asked for. */
  readonly attempts: number;
}

/** Which deliveries: every property that is given must match. */
export interface ConsumedFilter {
  group?: string;
  listener?: string;
  outcome?: DeliveryOutcome;
  attempt?: number;
  application?: string;
  connection?: string;
}

/** Which sends: every property that is given must match. */
export interface SentFilter {
  application?: string;
  connection?: string;
  /** Whether the send was rejected. */
  failed?: boolean;
}
