import type { Clock, Logger } from '../platform/index.js';
import {
  createResponse,
  decodeRequestHeader,
  decodeResponseHeader,
  FLAG_ONEWAY,
  FLAG_RESPONSE,
  isOneway,
  isResponse,
  MessagingError,
  type RemotingCommand,
  requestBody,
  responseBody,
  ResponseCode,
} from '../protocol/index.js';
import type { Admission, Respond } from './channel.js';
import { ChannelBase } from './channel-base.js';
import { decodeFrame, encodeFrameHead, SERIALIZE_JSON, type SerializeType } from './frame.js';
import { type FieldSource, requestFields, responseFields } from './header-fields.js';
import type { RemotingCounters } from './remoting-counters.js';

export interface FramedChannelOptions {
  /** `accepted`: stops reading while its answers are not read. A client must go on reading, or both ends would stop. */
  readonly role: 'accepted' | 'connected';
  /** Form of our own requests; an accepted channel follows the form of the other end. */
  readonly serialize: SerializeType;
  /** Asked about every request of the other end. Default: all are let through. */
  readonly admit?: Admission;
  readonly remoteAddress: string;
}

/** Unsent answers above which requests are no longer read, and below which they are again. */
export const STOP_READING_BYTES = 8 * 1024 * 1024;
export const READ_AGAIN_BYTES = 4 * 1024 * 1024;
/** Unsent bytes that end the connection (accepted) or refuse the request (connected). */
export const MOST_UNSENT_BYTES = 64 * 1024 * 1024;

/** What channels share whose commands travel as frames, whatever carries the bytes. */
export abstract class FramedChannel extends ChannelBase {
  private serialize: SerializeType;

  protected constructor(
    protected readonly options: FramedChannelOptions,
    protected readonly counters: RemotingCounters,
    clock: Clock,
    protected readonly logger: Logger,
    hint?: () => string,
  ) {
    super(clock, options.remoteAddress, hint);
    this.serialize = options.serialize;
  }

  /** Bytes that the other end has not taken yet. */
  protected abstract get unsentBytes(): number;
  /** Brings a frame on its way. `head` is copied; `body` must not change until it is sent, see `Respond`. */
  protected abstract put(head: Buffer, body: Buffer | undefined, sent: (() => void) | undefined): void;
  /** After an answer: looks whether the other end reads what it asks for. */
  protected abstract limitUnsent(): void;

  oneway(request: RemotingCommand): void {
    if (this.isClosed) return;
    request.opaque = this.calls.nextOpaque();
    request.flag = FLAG_ONEWAY;
    try {
      this.hand(request);
    } catch (error) {
      this.counters.droppedOneways++;
      this.logger.warn(
        `A oneway request ${request.code} to ${this.remoteAddress} was not sent: ${(error as Error).message}`,
      );
    }
  }

  protected hand(request: RemotingCommand): void {
    const unsent = this.unsentBytes;
    if (unsent > MOST_UNSENT_BYTES) {
      throw new MessagingError(
        'BROKER_BUSY',
        `${this.remoteAddress} has not taken ${unsent} bytes that are already waiting for it. Send more slowly, or wait for answers`,
      );
    }
    request.body = requestBody(request);
    this.send(request, this.serialize, requestFields);
  }

  /** A whole frame of the other end. True when nothing refers to its bytes any more. Throws FRAME_INVALID. */
  protected receive(bytes: Buffer, start: number, end: number): boolean {
    // What follows in the chunk of a frame that has closed the channel is nobody's any more.
    if (this.isClosed) return false;
    const command = decodeFrame(bytes, start, end);
    if (isResponse(command)) this.receiveAnswer(command);
    else this.receiveRequest(command);
    // All but the body is copied.
    return command.body === undefined || command.bodySpent === true;
  }

  private answer(
    response: RemotingCommand,
    sent: (() => void) | undefined,
    code: number,
    opaque: number,
    type: SerializeType,
  ): void {
    if (this.isClosed) return;
    response.opaque = opaque;
    try {
      response.body = responseBody(code, response);
      this.send(response, type, responseFields(code), sent);
    } catch (error) {
      this.logger.error(`The answer to request ${code} of ${this.remoteAddress} cannot be sent`, error);
      const substitute = createResponse(ResponseCode.SYSTEM_ERROR, {}, (error as Error).message);
      substitute.opaque = opaque;
      this.send(substitute, type, responseFields(code));
    }
    if (this.options.role === 'accepted') this.limitUnsent();
  }

  /**
   * Answers a request once, in its form. Keeps the numbers of the request and not the request: what waits for the disk would
   * keep its whole frame, and what the processor has made of it.
   */
  private answerTo({ code, opaque, serializeType }: RemotingCommand): Respond {
    const type = serializeType ?? SERIALIZE_JSON;
    let answered = false;
    return (response, sent) => {
      if (answered) return;
      answered = true;
      response.flag |= FLAG_RESPONSE;
      this.answer(response, sent, code, opaque, type);
    };
  }

  private send(command: RemotingCommand, type: SerializeType, fields: FieldSource, sent?: () => void): void {
    this.put(encodeFrameHead(command, type, fields), command.body, sent);
  }

  private receiveAnswer(response: RemotingCommand): void {
    const call = this.calls.take(response.opaque);
    if (call === undefined) {
      this.counters.unknownAnswers++;
      return;
    }
    try {
      response.header = decodeResponseHeader(call.code, response.code, response.extFields!, response.body);
    } catch (error) {
      const reason = `${this.remoteAddress} answered request ${call.code} with a header that cannot be read: ${(error as Error).message}`;
      call.asker.answered(new MessagingError('BROKER_ERROR', reason, { cause: error, retryable: false }), undefined);
      return;
    }
    call.asker.answered(undefined, response);
  }

  private receiveRequest(request: RemotingCommand): void {
    if (this.options.role === 'accepted') this.serialize = request.serializeType!;
    const refused = this.options.admit?.(request, this);
    if (refused !== undefined) {
      if (isOneway(request)) return;
      this.answerTo(request)(refused);
      return;
    }
    try {
      request.header = decodeRequestHeader(request);
    } catch (error) {
      if (isOneway(request)) {
        this.counters.droppedOneways++;
        return;
      }
      this.answerTo(request)(createResponse(ResponseCode.INVALID_PARAMETER, {}, (error as Error).message));
      return;
    }
    this.serve(request, this.answerTo(request));
  }
}
