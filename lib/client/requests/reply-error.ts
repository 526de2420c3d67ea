import { MessagingError } from '../../protocol/index.js';
import { reasonText } from '../settle/settle.js';

/** Most of a failure's own response that travels. */
const LONGEST_RESPONSE = 16 * 1024;

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
}

/** The listener of a request failed. Its error travels as data; its stack stays where it happened. */
export class RequestFailedError extends MessagingError {
  override readonly name = 'RequestFailedError';
  readonly errorClass: string;
  readonly remoteCode: string | undefined;
  readonly status: number | undefined;
  readonly response: unknown;

  constructor(destination: string, failure: ReplyFailure) {
    super('REQUEST_FAILED', `The request to ${destination} failed with ${failure.errorClass}: ${failure.message}`);
    this.errorClass = failure.errorClass;
    this.remoteCode = failure.code;
    this.status = failure.status;
    this.response = failure.response;
  }
}

export function encodeFailure(error: unknown): Buffer {
  const name = error instanceof Error ? error.constructor?.name || error.name : typeof error;
  const { code } = (error ?? {}) as { code?: unknown };
  const failure: ReplyFailure = {
    errorClass: String(name),
    message: reasonText(error),
    code: typeof code === 'string' ? code : undefined,
    status: numberFrom(error, 'getStatus'),
    response: sendable(resultOf(error, 'getResponse') ?? resultOf(error, 'getError')),
  };
  return Buffer.from(JSON.stringify(failure));
}

export function decodeFailure(body: Buffer): ReplyFailure {
  try {
    const failure = JSON.parse(body.toString()) as ReplyFailure;
    if (typeof failure?.errorClass === 'string' && typeof failure.message === 'string') return failure;
  } catch {
    // Not ours: then its text is all that there is to say.
  }
  return { errorClass: 'Error', message: body.toString().slice(0, 1000) };
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
