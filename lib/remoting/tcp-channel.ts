import type { Socket } from 'node:net';
import type { Clock, Logger, Timer } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import type { FrameMemory } from './frame-memory.js';
import { FrameParser } from './frame-parser.js';
import {
  FramedChannel,
  type FramedChannelOptions,
  MOST_UNSENT_BYTES,
  READ_AGAIN_BYTES,
  STOP_READING_BYTES,
} from './framed-channel.js';
import { Outbox } from './outbox.js';
import type { ReadBuffer } from './read-buffer.js';
import type { RemotingCounters } from './remoting-counters.js';
import { describeBytes } from './socket-address.js';
import { freeNow } from './spent-memory.js';
import { looksLikeTls, tlsProblem } from './tls/tls-problems.js';

export interface TcpChannelOptions extends FramedChannelOptions {
  readonly idleMillis: number;
  /** What the socket reads into, when it was opened with one. Default: each read has memory of its own. */
  readonly reads?: ReadBuffer;
  /** Where large frames come from that nobody keeps. Default: each has memory of its own. */
  readonly frames?: FrameMemory;
}

const WRITE_DEADLINE = 10_000;
const HEADER_DEADLINE = 10_000;
/** How long a closing channel waits for the other end to take what is written. */
const DRAIN_DEADLINE = 3_000;
const TICK = 1_000;
const NEVER_ANSWERED =
  '. Nothing has ever been answered on this connection: is it the address of a NameServer or broker?';

/** One TCP (or TLS) connection. */
export class TcpChannel extends FramedChannel {
  readonly givesBack = true;
  private readonly parser: FrameParser;
  private readonly outbox: Outbox;
  private readonly ticker: Timer;
  private readonly socketClosed: Promise<void>;
  private readonly idleMillis: number;
  private lastActivity: number;
  private headerSince: number | undefined;
  private readingStopped = false;
  private drainUntil: number | undefined;

  constructor(
    private readonly socket: Socket,
    options: TcpChannelOptions,
    counters: RemotingCounters,
    clock: Clock,
    logger: Logger,
  ) {
    super(options, counters, clock, logger, () => (this.wordless() === undefined ? '' : NEVER_ANSWERED));
    this.idleMillis = options.idleMillis;
    this.lastActivity = clock.monotonic();
    this.parser = new FrameParser((bytes, start, end) => {
      if (this.receive(bytes, start, end)) this.parser.letGo();
    }, options.frames);
    this.outbox = new Outbox(socket, clock, () => this.onWritten());
    this.ticker = clock.every(TICK, () => this.tick());
    socket.setNoDelay(true);
    if (options.reads === undefined) socket.on('data', (chunk: Buffer) => this.onData(chunk, false));
    else options.reads.onBytes((bytes) => this.onData(bytes, true));
    let socketError: Error | undefined;
    socket.on('error', (error) => {
      socketError = error;
    });
    this.socketClosed = new Promise((resolve) => {
      socket.once('close', () => {
        this.ticker.cancel();
        this.parser.end();
        this.finish(explained(socketError, this.remoteAddress) ?? this.wordless());
        resolve();
      });
    });
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

  protected get unsentBytes(): number {
    return this.outbox.unsentBytes;
  }

  protected put(head: Buffer, body: Buffer | undefined, sent: (() => void) | undefined): void {
    this.outbox.add(head, body, sent);
  }

  protected limitUnsent(): void {
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

  private onData(chunk: Buffer, lent: boolean): void {
    if (this.isClosed) return;
    this.lastActivity = this.clock.monotonic();
    this.parse(() => this.parser.push(chunk, lent), chunk);
    // Chunks of an accepted socket are ours alone; one that somebody else has opened may hand over what it keeps.
    if (this.options.role === 'accepted' && this.parser.chunkSpent) freeNow(chunk);
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
    } else if (now - this.lastActivity >= this.idleMillis) {
      this.counters.idle++;
      this.logger.debug(`${this.remoteAddress} was idle for ${this.idleMillis} ms: closed`);
      this.fail(undefined);
    } else {
      this.outbox.releaseMemory();
      this.parser.releaseMemory();
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
