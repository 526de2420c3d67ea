/**
 * Everything of this folder that reaches behind the public API of `@nestjs/microservices`.
 *
 * Nest gives a strategy a function per handler that hides what it needs to know: an error comes out of it as
 * `{ status: 'error', message: 'Internal server error' }`, a filter's return value makes a success of a failure, and nobody
 * says whether the handler was reached. Two methods of Nest's are therefore wrapped. For calls of other strategies they do
 * what they did; for ours they also write down in the call's context what happened.
 */
import type { ArgumentsHost } from '@nestjs/common';
import { RpcContextCreator } from '@nestjs/microservices/context/rpc-context-creator.js';
import { RpcExceptionsHandler } from '@nestjs/microservices/exceptions/rpc-exceptions-handler.js';
import { type Observable, isObservable, of, throwError } from 'rxjs';
import { MessagingError } from '../../protocol/index.js';

/** Where a context keeps its passage. A mark that two copies of this package in one process share, as they share Nest's classes. */
export const PASSAGE = Symbol.for('nestmq.rpc-passage');
const WRAPPED = Symbol.for('nestmq.rpc-passage.wrapped');

/** How far one call of a handler has come. */
export interface Passage {
  /** Guards, interceptors on the way in and pipes have let it through. */
  entered: boolean;
  /** What was thrown, before any filter. */
  failure: { readonly error: unknown } | undefined;
}

type ApplyPipes = (args: unknown[], ...params: unknown[]) => Promise<void>;
interface Creator {
  createPipesFn(pipes: unknown[], parameters: unknown[]): ApplyPipes | null;
}
interface ExceptionsHandler {
  handle(exception: unknown, host: ArgumentsHost, report?: boolean): unknown;
  invokeCustomFilters(exception: unknown, host: ArgumentsHost): unknown;
}

/** Before the first handler is made; does nothing when it was done. */
export function watchRpcCalls(): void {
  const creator = RpcContextCreator.prototype as unknown as Creator & { [WRAPPED]?: true };
  const handler = RpcExceptionsHandler.prototype as unknown as ExceptionsHandler;
  if (creator[WRAPPED] === true) return;
  const parts = [creator.createPipesFn, handler.handle, handler.invokeCustomFilters];
  if (parts.some((part) => typeof part !== 'function')) {
    throw new MessagingError(
      'CONFIGURATION',
      'this @nestjs/microservices has no createPipesFn or handle where nestmq looks for them: use a version of the peer range',
    );
  }
  creator[WRAPPED] = true;
  const { createPipesFn } = creator;
  creator.createPipesFn = function (this: Creator, pipes, parameters) {
    const apply = createPipesFn.call(this, pipes, parameters);
    if (apply === null) return null;
    // The last step before the handler.
    return async (args, ...params) => {
      await apply(args, ...params);
      const passage = passageOf(params[1]);
      if (passage !== undefined) passage.entered = true;
    };
  };
  const { handle } = handler;
  handler.handle = function (this: ExceptionsHandler, exception, host, report): unknown {
    const passage = passageOf(host.getArgByIndex(1));
    if (passage === undefined) return handle.call(this, exception, host, report);
    passage.failure = { error: exception };
    const answer = this.invokeCustomFilters(exception, host);
    // Without a filter that answers the error itself goes on, where Nest would put another in its place.
    return answer === undefined || answer === null ? throwError(() => exception) : asStream(answer);
  };
}

/** An Observable that fails must be followed by a stream or a promise. */
function asStream(answer: unknown): Observable<unknown> | PromiseLike<unknown> {
  const isPromise = typeof (answer as PromiseLike<unknown>).then === 'function';
  return isObservable(answer) || isPromise ? (answer as Observable<unknown>) : of(answer);
}

function passageOf(context: unknown): Passage | undefined {
  return (context as { [PASSAGE]?: Passage } | null | undefined)?.[PASSAGE];
}
