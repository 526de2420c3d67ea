import type { MessagingError, RemotingCommand } from '../protocol/index.js';

/**
 * Answers one request. Called once at the most; calling it for a oneway request does nothing. `sent` is called once nothing
 * refers to the body of the answer any more, so that its memory can be used again. It is never called where the other end gets
 * the body itself, as in process, nor when the channel closes before the body has left.
 */
export type Respond = (response: RemotingCommand, sent?: () => void) => void;

/** Who asked: gets the answer to a request, or why there is none. */
export interface Asker {
  /** Called once, perhaps before `call` has returned. Must not throw. */
  answered(error: MessagingError | undefined, response: RemotingCommand | undefined): void;
}

/**
 * Serves the requests that arrive on a channel. It must not throw: what it cannot do is a response with a code.
 * It may answer at once or later (long polling).
 */
export type RequestHandler = (request: RemotingCommand, channel: Channel, respond: Respond) => void;

/** Looks at a request from the network before anything of it is decoded but its fields; gives the refusal, or undefined. */
export type Admission = (request: RemotingCommand, channel: Channel) => RemotingCommand | undefined;

/**
 * One connection, alike in process and over TCP, and alike at both ends: requests may flow in both directions.
 * The client knows nothing of the broker but this.
 */
export interface Channel {
  /** `ip:port` of the other end; `in-process` without a network, `unix:path` through the file system. */
  readonly remoteAddress: string;
  readonly closed: boolean;
  /** Whether bodies of answers are copied on their way, so that `sent` of `Respond` tells when they have left. */
  readonly givesBack?: boolean;
  /** As `invoke`, for those who ask hundreds of thousands of times a second: no promise and no closure for each. */
  call(request: RemotingCommand, timeoutMillis: number, asker: Asker): void;
  /** Rejects with `TIMEOUT` after `timeoutMillis`, with `CHANNEL_CLOSED` when the channel closes first. */
  invoke(request: RemotingCommand, timeoutMillis: number): Promise<RemotingCommand>;
  /** Sends without waiting for anything; a closed channel drops it silently (the close is reported by `onClose`). */
  oneway(request: RemotingCommand): void;
  /** Sets the one handler for requests of the other end. Without one they are answered with REQUEST_CODE_NOT_SUPPORTED. */
  onRequest(handler: RequestHandler): void;
  /** Calls back once when the channel closes, from either end; at once if it is closed already. */
  onClose(listener: (cause?: Error) => void): void;
  close(): Promise<void>;
}

/** Opens channels by address. The in-process one leads every address to the broker inside. */
export interface Connector {
  connect(address: string): Promise<Channel>;
}
