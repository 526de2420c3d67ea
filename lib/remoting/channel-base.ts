import type { Clock } from '../platform/index.js';
import { createResponse, isOneway, MessagingError, type RemotingCommand, ResponseCode } from '../protocol/index.js';
import type { Asker, Channel, RequestHandler, Respond } from './channel.js';
import { PendingCalls } from './pending-calls.js';

const nothing: Respond = () => {};
/** Causes of a close that are told as they are: trying again changes nothing. */
const SAYS_ENOUGH: ReadonlySet<string> = new Set(['FRAME_INVALID', 'TLS_FAILED']);

/** What channels share: the table of waiting requests, serving the requests of the other end, telling of the close. */
export abstract class ChannelBase implements Channel {
  protected readonly calls: PendingCalls;
  protected isClosed = false;
  private handler: RequestHandler | undefined;
  private closeListeners: ((cause?: Error) => void)[] = [];
  private closeCause: Error | undefined;

  protected constructor(
    protected readonly clock: Clock,
    readonly remoteAddress: string,
    /** What else there is to say when an answer does not come. */
    hint?: () => string,
  ) {
    this.calls = new PendingCalls(clock, remoteAddress, hint);
  }

  get closed(): boolean {
    return this.isClosed;
  }

  abstract oneway(request: RemotingCommand): void;
  abstract close(): Promise<void>;
  /** Brings a request on its way; what it throws is the answer of the call. */
  protected abstract hand(request: RemotingCommand): void;

  call(request: RemotingCommand, timeoutMillis: number, asker: Asker): void {
    if (this.isClosed) {
      asker.answered(this.closedError(), undefined);
      return;
    }
    request.opaque = this.calls.nextOpaque();
    request.flag = 0;
    this.calls.add(request, timeoutMillis, asker);
    try {
      this.hand(request);
    } catch (error) {
      this.calls.take(request.opaque)?.asker.answered(error as MessagingError, undefined);
    }
  }

  invoke(request: RemotingCommand, timeoutMillis: number): Promise<RemotingCommand> {
    return new Promise((resolve, reject) => {
      this.call(request, timeoutMillis, {
        answered: (error, response) => {
          if (error === undefined) resolve(response!);
          else reject(error);
        },
      });
    });
  }

  onRequest(handler: RequestHandler): void {
    this.handler = handler;
  }

  onClose(listener: (cause?: Error) => void): void {
    if (this.isClosed) listener(this.closeCause);
    else this.closeListeners.push(listener);
  }

  /** Hands a request of the other end to the handler. `answer` heeds the first answer only; oneway requests get none. */
  protected serve(request: RemotingCommand, answer: Respond): void {
    const respond = isOneway(request) ? nothing : answer;
    if (this.handler === undefined) {
      const code = ResponseCode.REQUEST_CODE_NOT_SUPPORTED;
      respond(createResponse(code, {}, ` request type ${request.code} not supported`));
      return;
    }
    try {
      this.handler(request, this, respond);
    } catch (error) {
      // A handler must not throw. If one does, whoever asked learns of it; the host's event loop does not.
      respond(createResponse(ResponseCode.SYSTEM_ERROR, {}, `request ${request.code} failed: ${String(error)}`));
    }
  }

  /** Marks the channel closed, rejects what waits, tells the listeners. Only the first call does anything. */
  protected finish(cause?: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closeCause = cause;
    this.calls.failAll(this.closedError());
    const listeners = this.closeListeners;
    this.closeListeners = [];
    for (const listener of listeners) listener(cause);
  }

  protected closedError(): MessagingError {
    const { closeCause } = this;
    if (closeCause instanceof MessagingError && SAYS_ENOUGH.has(closeCause.code)) return closeCause;
    return new MessagingError(
      'CHANNEL_CLOSED',
      `The channel to ${this.remoteAddress} is closed${this.closeCause === undefined ? '' : `: ${this.closeCause.message}`}. ` +
        'A request that was under way may have been carried out',
      { cause: this.closeCause },
    );
  }
}
