import type { Socket } from 'node:net';
import type { Clock, Logger, Timer } from '../platform/index.js';
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
import { FrameParser } from './frame-parser.js';
import { type FieldSource, requestFields, responseFields } from './header-fields.js';
import { Outbox } from './outbox.js';
import type { RemotingCounters } from './remoting-counters.js';
import { describeBytes } from './socket-address.js';
import { looksLikeTls, tlsProblem } from './tls/tls-problems.js';

export interface TcpChannelOptions {
  /** `accepted`: stops reading while its answers are not read. A client must go on reading, or both ends would stop. */
  readonly role: 'accepted' | 'connected';
  /** Form of our own requests; an accepted channel follows the form of the other end. */
  readonly serialize: SerializeType;
  readonly idleMillis: number;
  /** Asked about every request of the other end. Default: all are let through. */
  readonly admit?: Admission;
  readonly remoteAddress: string;
}

/** Unsent answers above which requests are no longer read, and below which they are again. */
const STOP_READING_BYTES = 8 * 1024 * 1024;
const READ_AGAIN_BYTES = 4 * 1024 * 1024;
/** Unsent bytes that end the connection (accepted) or refuse the request (connected). */
const MOST_UNSENT_BYTES = 64 * 1024 * 1024;
const WRITE_DEADLINE = 10_000;
const HEADER_DEADLINE = 10_000;
/** How long a closing channel waits for the other end to take what is written. */
const DRAIN_DEADLINE = 3_000;
const TICK = 1_000;
const NEVER_ANSWERED =
  '. Nothing has ever been answered on this connection: is it the address of a NameServer or broker?';

/** One TCP (or TLS) connection. */
export class TcpChannel extends ChannelBase {
  private readonly parser = new FrameParser((bytes, start, end) => this.receive(bytes, start, end));
  private readonly outbox: Outbox;
  private readonly ticker: Timer;
  private readonly socketClosed: Promise<void>;
  private serialize: SerializeType;
  private lastActivity: number;
  private headerSince: number | undefined;
  private readingStopped = false;
  private drainUntil: number | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly options: TcpChannelOptions,
    private readonly counters: RemotingCounters,
    clock: Clock,
    private readonly logger: Logger,
  ) {
    super(clock, options.remoteAddress, () => (this.wordless() === undefined ? '' : NEVER_ANSWERED));
    this.serialize = options.serialize;
    this.lastActivity = clock.monotonic();
    this.outbox = new Outbox(socket, clock, () => this.onWritten());
    this.ticker = clock.every(TICK, () => this.tick());
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    let socketError: Error | undefined;
    socket.on('error', (error) => {
      socketError = error;
    });
    this.socketClosed = new Promise((resolve) => {
      socket.once('close', () => {
        this.ticker.cancel();
        this.finish(explained(socketError, this.remoteAddress) ?? this.wordless());
        resolve();
      });
    });
  }

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

  close(): Promise<void> {
    if (this.drainUntil === undefined) {
      this.drainUntil = this.clock.monotonic() + DRAIN_DEADLINE;
      this.finish();
      // Reading goes on, into nothing: otherwise the end of the other side would never be seen.
      if (this.readingStopped) this.socket.resume();
      if (this.outbox.unsentBytes === 0) this.socket.end();
    }
    return this.socketClosed;
  }

  protected hand(request: RemotingCommand): void {
    if (this.outbox.unsentBytes > MOST_UNSENT_BYTES) {
      throw new MessagingError(
        'BROKER_BUSY',
        `${this.remoteAddress} has not taken ${this.outbox.unsentBytes} bytes that are already waiting for it. Send more slowly, or wait for answers`,
      );
    }
    request.body = requestBody(request);
    this.send(request, this.serialize, requestFields);
  }

  private readonly answer = (response: RemotingCommand, request: RemotingCommand): void => {
    if (this.isClosed) return;
    const type = request.serializeType ?? SERIALIZE_JSON;
    try {
      response.body = responseBody(request.code, response);
      this.send(response, type, responseFields(request.code));
    } catch (error) {
      this.logger.error(`The answer to request ${request.code} of ${this.remoteAddress} cannot be sent`, error);
      const substitute = createResponse(ResponseCode.SYSTEM_ERROR, {}, (error as Error).message);
      substitute.opaque = request.opaque;
      this.send(substitute, type, responseFields(request.code));
    }
    if (this.options.role === 'accepted') this.limitUnsent();
  };

  private send(command: RemotingCommand, type: SerializeType, fields: FieldSource): void {
    this.outbox.add(encodeFrameHead(command, type, fields), command.body);
  }

  private limitUnsent(): void {
    const unsent = this.outbox.unsentBytes;
    if (unsent > MOST_UNSENT_BYTES) {
      this.counters.stalled++;
      this.fail(
        new MessagingError(
          'CHANNEL_CLOSED',
          `${this.remoteAddress} does not read its answers: ${unsent} bytes are waiting`,
        ),
      );
    } else if (unsent > STOP_READING_BYTES && !this.readingStopped) {
      this.readingStopped = true;
      this.parser.pause();
      this.socket.pause();
    }
  }

  private onWritten(): void {
    this.lastActivity = this.clock.monotonic();
    if (this.drainUntil !== undefined) {
      if (this.outbox.unsentBytes === 0) this.socket.end();
      return;
    }
    if (!this.readingStopped || this.outbox.unsentBytes >= READ_AGAIN_BYTES || this.isClosed) return;
    this.readingStopped = false;
    // The time in which we did not read is not the other end's delay.
    this.headerSince = undefined;
    this.parse(() => this.parser.resume());
    if (!this.readingStopped && !this.isClosed) this.socket.resume();
  }

  private onData(chunk: Buffer): void {
    if (this.isClosed) return;
    this.lastActivity = this.clock.monotonic();
    this.parse(() => this.parser.push(chunk), chunk);
  }

  private parse(step: () => void, chunk?: Buffer): void {
    const before = this.parser.frames;
    try {
      step();
    } catch (error) {
      this.counters.invalidFrames++;
      const seen = chunk === undefined || before > 0 ? '' : ` It begins with ${describeBytes(chunk)}.`;
      const hint = hintFor(chunk, this.options.role);
      const reason = error instanceof Error ? error.message : String(error);
      this.fail(
        new MessagingError(
          'FRAME_INVALID',
          `${this.remoteAddress} sent what cannot be read. ${reason}.${seen}${hint}`,
          { cause: error },
        ),
      );
      return;
    }
    if (!this.parser.headerIncomplete) this.headerSince = undefined;
    else if (this.headerSince === undefined || this.parser.frames !== before) this.headerSince = this.lastActivity;
  }

  private receive(bytes: Buffer, start: number, end: number): void {
    // What follows in the chunk of a frame that has closed the channel is nobody's any more.
    if (this.isClosed) return;
    const command = decodeFrame(bytes, start, end);
    if (isResponse(command)) this.receiveAnswer(command);
    else this.receiveRequest(command);
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
      refused.opaque = request.opaque;
      this.answer(refused, request);
      return;
    }
    try {
      request.header = decodeRequestHeader(request);
    } catch (error) {
      if (isOneway(request)) {
        this.counters.droppedOneways++;
        return;
      }
      const response = createResponse(ResponseCode.INVALID_PARAMETER, {}, (error as Error).message);
      response.opaque = request.opaque;
      this.answer(response, request);
      return;
    }
    this.serve(request, once(request, this.answer));
  }

  private tick(): void {
    const now = this.clock.monotonic();
    const stalled = this.outbox.stalledMillis;
    if (this.drainUntil !== undefined) {
      if (now >= this.drainUntil) this.socket.destroy();
    } else if (stalled >= WRITE_DEADLINE) {
      this.counters.stalled++;
      this.fail(
        new MessagingError('CHANNEL_CLOSED', `${this.remoteAddress} has read nothing for ${Math.round(stalled)} ms`),
      );
    } else if (!this.readingStopped && this.headerSince !== undefined && now - this.headerSince >= HEADER_DEADLINE) {
      this.counters.invalidFrames++;
      this.fail(
        new MessagingError(
          'FRAME_INVALID',
          `${this.remoteAddress} did not complete the header of a frame within ${HEADER_DEADLINE} ms`,
        ),
      );
    } else if (now - this.lastActivity >= this.options.idleMillis) {
      this.counters.idle++;
      this.logger.debug(`${this.remoteAddress} was idle for ${this.options.idleMillis} ms: closed`);
      this.fail(undefined);
    } else {
      this.outbox.releaseMemory();
    }
  }

  /** A server that has taken our bytes and closed without one frame of its own may be something else altogether. */
  private wordless(): Error | undefined {
    if (this.options.role === 'accepted' || this.parser.frames > 0) return undefined;
    return new Error(
      'it was closed by the other end without an answer. Is this the address of a NameServer or broker, and does it want TLS?',
    );
  }

  /** Ends the connection at once. */
  private fail(cause: MessagingError | undefined): void {
    if (this.isClosed) return;
    if (cause !== undefined && this.options.role === 'accepted')
      this.logger.warn(`Connection closed: ${cause.message}`);
    this.drainUntil = this.clock.monotonic();
    this.finish(cause);
    this.socket.destroy();
  }
}

function hintFor(chunk: Buffer | undefined, role: TcpChannelOptions['role']): string {
  if (chunk !== undefined && looksLikeTls(chunk))
    return role === 'connected'
      ? ' That is TLS: give this client the option tls.'
      : ' That is TLS: give this server tls, or leave it out at the client.';
  return role === 'connected' ? ' Is this the address of a NameServer or broker?' : '';
}

/** With TLS 1.3 a server refuses the certificate of a client that believes itself connected. */
function explained(error: Error | undefined, remote: string): Error | undefined {
  const problem = error && tlsProblem(error);
  return problem === undefined
    ? error
    : new MessagingError('TLS_FAILED', `${remote} has ended TLS: ${problem}`, { cause: error });
}

/** The request is kept until it is answered: the answer follows its form, and a second answer must not go out. */
function once(
  request: RemotingCommand,
  answer: (response: RemotingCommand, request: RemotingCommand) => void,
): Respond {
  let answered = false;
  return (response) => {
    if (answered) return;
    answered = true;
    response.opaque = request.opaque;
    response.flag |= FLAG_RESPONSE;
    answer(response, request);
  };
}
