import { MessagingError } from '../../protocol/index.js';
import { reasonText } from '../settle/settle.js';

/** Most of a failure's own response, and of a message, that travels. */
const LONGEST_RESPONSE = 16 * 1024;
/** A failure and what caused it; more may be a circle. */
const MOST_CAUSES = 4;

/** What a reply says about the failure of the handler. */
export interface ReplyFailure {
  readonly errorClass: string;
  readonly message: string;
  /** `code` of the error, where that is a text: a MessagingError's, or your own. */
  readonly code?: string;
  /** HTTP status, of an HttpException. */
  readonly status?: number;
  /** The response of an HttpException, the error of an RpcException. */
  readonly response?: unknown;
  readonly cause?: ReplyFailure;
}

/** The listener of a request failed. Its error travels as data; its stack stays where it happened. */
export class RequestFailedError extends MessagingError {
  override readonly name = 'RequestFailedError';
  readonly errorClass: string;
  readonly remoteCode: string | undefined;
  readonly status: number | undefined;
  readonly response: unknown;

  constructor(destination: string, failure: ReplyFailure) {
    super('REQUEST_FAILED', `The request to ${destination} failed with ${failure.errorClass}: ${failure.message}`, {
      cause: rebuilt(failure),
    });
    this.errorClass = failure.errorClass;
    this.remoteCode = failure.code;
    this.status = failure.status;
    this.response = failure.response;
  }
}

/** What the listener threw, as far as it travelled: name, message, code and causes. It is an Error, not of that class. */
function rebuilt({ errorClass, message, code, cause }: ReplyFailure): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: rebuilt(cause) });
  error.name = errorClass;
  // Where it was thrown is not known here; this place would only mislead.
  error.stack = `${errorClass}: ${message}`;
  return code === undefined ? error : Object.assign(error, { code });
}

export function encodeFailure(error: unknown): Buffer {
  return Buffer.from(JSON.stringify(failureOf(error, 1)));
}

function failureOf(error: unknown, depth: number): ReplyFailure {
  const name = error instanceof Error ? error.constructor?.name || error.name : typeof error;
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return {
    errorClass: String(name),
    message: reasonText(error).slice(0, LONGEST_RESPONSE),
    code: typeof code === 'string' ? code : undefined,
    status: numberFrom(error, 'getStatus'),
    response: sendable(resultOf(error, 'getResponse') ?? resultOf(error, 'getError')),
    cause: cause instanceof Error && depth < MOST_CAUSES ? failureOf(cause, depth + 1) : undefined,
  };
}

export function decodeFailure(body: Buffer): ReplyFailure {
  try {
    const failure = failureFrom(JSON.parse(body.toString()), 1);
    if (failure !== undefined) return failure;
  } catch {
    // Not ours: then its text is all that there is to say.
  }
  return { errorClass: 'Error', message: body.toString().slice(0, 1000) };
}

/** What another process says is checked: undefined for what is no failure. */
function failureFrom(value: unknown, depth: number): ReplyFailure | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { errorClass, message, code, status, response, cause } = value as Record<string, unknown>;
  if (typeof errorClass !== 'string' || typeof message !== 'string') return undefined;
  return {
    errorClass,
    message,
    code: typeof code === 'string' ? code : undefined,
    status: typeof status === 'number' ? status : undefined,
    response,
    cause: depth < MOST_CAUSES ? failureFrom(cause, depth + 1) : undefined,
  };
}

function resultOf(error: unknown, method: string): unknown {
  const call = (error as Record<string, unknown> | null | undefined)?.[method];
  try {
    return typeof call === 'function' ? (call.call(error) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

function numberFrom(error: unknown, method: string): number | undefined {
  const value = resultOf(error, method);
  return typeof value === 'number' ? value : undefined;
}

function sendable(value: unknown): unknown {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text !== undefined && text.length <= LONGEST_RESPONSE ? value : undefined;
  } catch {
    return undefined;
  }
}
