import type { ConsumeMode } from './consume-mode.js';
import type { DeliveryGuarantee } from './delivery-guarantee.js';
import type { ReceivedMessage } from './consumer/received-message.js';
import type { OutgoingMessage, SendResult } from './producer/messages.js';
import type { ReceivedReply } from './requests/reply.js';
import type { Settlement } from './settle/settle.js';
import type { TransactionState } from './transactions/transaction-state.js';

/** One send with all its attempts: several messages are those of a batch, which share one acknowledgement. */
export interface InterceptedSend {
  readonly clientId: string;
  readonly messages: readonly OutgoingMessage[];
  /** Nobody waits for the outcome. */
  readonly oneWay: boolean;
}

/** One call of a listener. */
export interface InterceptedCall {
  readonly clientId: string;
  readonly listener: string;
  readonly group: string;
  readonly mode: ConsumeMode;
  /** Retries after which a failure is the last one. */
  readonly maxReconsumeTimes: number;
  /** Whether a failed request is retried, instead of replied to with its error. */
  readonly retryRequests: boolean;
  /** At most once: acknowledged already, nothing is retried. */
  readonly delivery: DeliveryGuarantee;
  /** One, unless the listener takes batches. */
  readonly messages: readonly ReceivedMessage[];
}

/** One call of a local transaction. */
export interface InterceptedTransaction {
  readonly group: string;
  /** `check` when the broker asks for an outcome that never arrived. */
  readonly what: 'execute' | 'check';
  readonly message: ReceivedMessage;
}

/**
 * Stands around what a client does: tracing, measuring, the test kit. By default there is none, and then a send costs one
 * comparison and a delivery nothing.
 */
export interface ClientInterceptor {
  /**
   * `proceed` sends the messages that it is given, which may be other ones. Its result is undefined for a one-way send.
   * To throw, or to reject, is to let the send fail.
   */
  send?(
    send: InterceptedSend,
    proceed: (messages: readonly OutgoingMessage[]) => Promise<SendResult | undefined>,
  ): Promise<SendResult | undefined>;
  /** A message that is written down now and sent later, by whoever relays: gives it with what has to go along. */
  sendLater?(message: OutgoingMessage): OutgoingMessage;
  /**
   * `proceed` never rejects: it gives what becomes of each message, and so must the interceptor. Dead letters because the
   * retries are used up are not told apart here: they are a `retry` at an attempt beyond `maxReconsumeTimes`.
   */
  handle?(call: InterceptedCall, proceed: () => Promise<readonly Settlement[]>): Promise<readonly Settlement[]>;
  /** Around a request until its reply; sending it is a `send` inside. `proceed` rejects as the request does. */
  request?(
    message: OutgoingMessage,
    proceed: () => Promise<ReceivedReply | undefined>,
  ): Promise<ReceivedReply | undefined>;
  /** `proceed` rejects with what the local transaction throws. */
  transact?(call: InterceptedTransaction, proceed: () => Promise<TransactionState>): Promise<TransactionState>;
}

/** The caller may change its bytes once its verb has returned, and an interceptor may proceed later. */
export function keepBytes(message: OutgoingMessage): OutgoingMessage {
  // What is no Buffer is refused where it is prepared.
  return Buffer.isBuffer(message?.body) ? { ...message, body: Buffer.from(message.body) } : message;
}

/** Several in one, the first outermost; undefined for none. */
export function combineInterceptors(interceptors: readonly ClientInterceptor[]): ClientInterceptor | undefined {
  if (interceptors.length === 0) return undefined;
  const sends = interceptors.filter((interceptor) => interceptor.send !== undefined);
  const handles = interceptors.filter((interceptor) => interceptor.handle !== undefined);
  const combined: ClientInterceptor = {};
  if (sends.length > 0) {
    combined.send = (send, proceed) =>
      sends.reduceRight<typeof proceed>(
        (next, interceptor) => (messages) => interceptor.send!({ ...send, messages }, next),
        proceed,
      )(send.messages);
  }
  if (handles.length > 0) {
    combined.handle = (call, proceed) =>
      handles.reduceRight<typeof proceed>((next, interceptor) => () => interceptor.handle!(call, next), proceed)();
  }
  const later = interceptors.filter((interceptor) => interceptor.sendLater !== undefined);
  if (later.length > 0) {
    combined.sendLater = (message) => later.reduce((before, interceptor) => interceptor.sendLater!(before), message);
  }
  const requests = interceptors.filter((interceptor) => interceptor.request !== undefined);
  if (requests.length > 0) {
    combined.request = (message, proceed) =>
      requests.reduceRight<typeof proceed>((next, interceptor) => () => interceptor.request!(message, next), proceed)();
  }
  const transacts = interceptors.filter((interceptor) => interceptor.transact !== undefined);
  if (transacts.length > 0) {
    combined.transact = (call, proceed) =>
      transacts.reduceRight<typeof proceed>((next, interceptor) => () => interceptor.transact!(call, next), proceed)();
  }
  return combined;
}
