import type { Timer } from '../../platform/index.js';
import {
  createResponse,
  ExtensionProperty,
  getProperty,
  isCompressed,
  MessagingError,
  PropertyName,
  type RemotingCommand,
  type ReplyMessageRequestHeader,
  ResponseCode,
} from '../../protocol/index.js';
import type { Respond } from '../../remoting/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { decompress } from '../compression/body-codec.js';
import type { ContentType, OutgoingMessage } from '../producer/messages.js';
import type { Producer } from '../producer/producer.js';
import { decodeFailure, RequestFailedError } from './reply-error.js';
import type { ReceivedReply } from './reply.js';

const NO_BYTES = Buffer.alloc(0);

/** After a sweep the next one is at least this far away: a time-out comes at most this much late, never early. */
const SWEEP_GAP_MILLIS = 10;

interface Waiting {
  readonly destination: string;
  readonly timeoutMillis: number;
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly resolve: (reply: ReceivedReply | undefined) => void;
  readonly reject: (error: MessagingError) => void;
}

/** Requests of one client that wait for their replies. One timer serves them all. */
export class Requests {
  private readonly waiting = new Map<string, Waiting>();
  private announced: Promise<void> | undefined;
  private timer: Timer | undefined;
  private timerDue = Number.POSITIVE_INFINITY;
  private sequence = 0;
  private closed = false;

  /** @internal */
  constructor(
    private readonly core: ClientCore,
    private readonly producer: Producer,
  ) {}

  /**
   * Sends the message and resolves with the reply of whoever handles it first. Rejects with RequestFailedError when the
   * handler failed, with TIMEOUT when nobody has replied in time (the request may still be handled, its reply is dropped),
   * and with whatever kept it from being sent.
   */
  async request(message: OutgoingMessage, timeoutMillis: number): Promise<ReceivedReply | undefined> {
    if (this.closed) throw shutDown();
    const intercept = this.core.settings.interceptor?.request;
    if (intercept === undefined) return this.ask(message, timeoutMillis);
    return intercept(message, () => this.ask(message, timeoutMillis));
  }

  private async ask(message: OutgoingMessage, timeoutMillis: number): Promise<ReceivedReply | undefined> {
    const { clock } = this.core.platform;
    const deadline = clock.monotonic() + timeoutMillis;
    await this.announce();
    const correlationId = `${this.core.clientId}-${(this.sequence++).toString(36)}`;
    const destination = message.tag === undefined ? message.topic : `${message.topic}:${message.tag}`;
    const reply = new Promise<ReceivedReply | undefined>((resolve, reject) => {
      this.waiting.set(correlationId, { destination, timeoutMillis, deadline, resolve, reject });
    });
    this.arm(deadline);
    const request = { correlationId, replyTo: this.core.clientId, ttlMillis: timeoutMillis };
    this.producer.send({ ...message, request }, { timeoutMillis }).catch((error: MessagingError) => {
      const waiting = this.take(correlationId);
      waiting?.reject(error);
    });
    return reply;
  }

  /** Brokers find the way back by the client's id, so they have to know it. */
  private async announce(): Promise<void> {
    try {
      await (this.announced ??= this.core.heartbeats.announceProducer());
    } catch (error) {
      this.announced = undefined;
      // A client that shuts down meanwhile closes the connection that this waits for.
      if (this.closed) throw shutDown(error);
      throw error;
    }
    if (this.closed) throw shutDown();
  }

  /** @internal PUSH_REPLY_MESSAGE_TO_CLIENT. */
  async accept(command: RemotingCommand, respond: Respond): Promise<void> {
    respond(createResponse(ResponseCode.SUCCESS, {}));
    const header = command.header as ReplyMessageRequestHeader;
    const properties = header.properties ?? '';
    const waiting = this.take(getProperty(properties, PropertyName.CORRELATION_ID) ?? '');
    if (waiting === undefined) {
      this.core.counters.lateReplies++;
      this.core.platform.logger.debug('A reply came after its request had timed out, or a second one; it is dropped');
      return;
    }
    try {
      const raw = command.body ?? NO_BYTES;
      const body = isCompressed(header.sysFlag) ? await decompress(raw, header.sysFlag) : raw;
      const kind = getProperty(properties, ExtensionProperty.REPLY);
      if (kind === 'error') waiting.reject(new RequestFailedError(waiting.destination, decodeFailure(body)));
      else if (kind === 'nothing') waiting.resolve(undefined);
      else if (kind === 'empty')
        waiting.resolve({ body: NO_BYTES, contentType: contentTypeOf(properties), several: false });
      else waiting.resolve({ body, contentType: contentTypeOf(properties), several: kind === 'values' });
    } catch (error) {
      waiting.reject(error as MessagingError);
    }
  }

  /** @internal Nobody waits any longer. */
  close(): void {
    this.closed = true;
    this.timer?.cancel();
    for (const waiting of this.waiting.values()) waiting.reject(shutDown());
    this.waiting.clear();
  }

  private take(correlationId: string): Waiting | undefined {
    const waiting = this.waiting.get(correlationId);
    this.waiting.delete(correlationId);
    return waiting;
  }

  private arm(due: number): void {
    if (due >= this.timerDue || this.closed) return;
    const { clock } = this.core.platform;
    this.timer?.cancel();
    this.timerDue = due;
    this.timer = clock.after(due - clock.monotonic(), this.sweep);
  }

  private readonly sweep = (): void => {
    const now = this.core.platform.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const [correlationId, waiting] of this.waiting) {
      if (waiting.deadline > now) {
        next = Math.min(next, waiting.deadline);
        continue;
      }
      this.waiting.delete(correlationId);
      this.core.counters.requestsTimedOut++;
      waiting.reject(
        new MessagingError(
          'TIMEOUT',
          `Nobody replied to the request to ${waiting.destination} within ${waiting.timeoutMillis} ms. It may be handled all the ` +
            'same; look whether a listener for it runs, or allow more time',
        ),
      );
    }
    this.timerDue = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.arm(Math.max(next, now + SWEEP_GAP_MILLIS));
  };
}

function contentTypeOf(properties: string): ContentType | undefined {
  const type = getProperty(properties, ExtensionProperty.CONTENT_TYPE);
  return type === 'text' || type === 'json' || type === 'binary' ? type : undefined;
}

function shutDown(cause?: unknown): MessagingError {
  return new MessagingError('SHUTTING_DOWN', 'This client is shut down; its requests get no replies any more', {
    cause,
  });
}
