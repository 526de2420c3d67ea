import {
  createResponse,
  MessagingError,
  type MessagingErrorCode,
  type RemotingCommand,
  ResponseCode,
} from '../protocol/index.js';
import type { Respond } from '../remoting/index.js';

/** A header without fields. Never written to. */
export const NO_FIELDS: object = Object.freeze({});

const RESPONSE_CODES: Partial<Record<MessagingErrorCode, number>> = {
  BAD_ARGUMENT: ResponseCode.INVALID_PARAMETER,
  NAME_INVALID: ResponseCode.INVALID_PARAMETER,
  MESSAGE_TOO_LARGE: ResponseCode.MESSAGE_ILLEGAL,
  PROPERTIES_INVALID: ResponseCode.MESSAGE_ILLEGAL,
  TOPIC_NOT_FOUND: ResponseCode.TOPIC_NOT_EXIST,
  GROUP_NOT_FOUND: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
  NO_PERMISSION: ResponseCode.NO_PERMISSION,
  NOT_SUPPORTED: ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
  BROKER_BUSY: ResponseCode.SYSTEM_BUSY,
  DISK_FULL: ResponseCode.SERVICE_NOT_AVAILABLE,
  STORE_FENCED: ResponseCode.SERVICE_NOT_AVAILABLE,
  STORE_CLOSED: ResponseCode.SERVICE_NOT_AVAILABLE,
  SHUTTING_DOWN: ResponseCode.SERVICE_NOT_AVAILABLE,
  TIMEOUT: ResponseCode.FLUSH_DISK_TIMEOUT,
};

export function success(body?: Buffer): RemotingCommand {
  return createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, body);
}

export function refusal(code: number, remark: string): RemotingCommand {
  return createResponse(code, NO_FIELDS, remark);
}

/**
 * RocketMQ's code for the error. The remark begins with our own code and a colon, because several errors share one
 * response code and our client tells them apart by it.
 */
export function failure(error: unknown): RemotingCommand {
  if (error instanceof MessagingError) {
    return refusal(RESPONSE_CODES[error.code] ?? ResponseCode.SYSTEM_ERROR, `${error.code}: ${error.message}`);
  }
  return refusal(ResponseCode.SYSTEM_ERROR, `BROKER_ERROR: ${error instanceof Error ? error.message : String(error)}`);
}

/**
 * Answers once the work is done, or with what it failed with. What the answer itself throws goes the same way: a
 * rejection that nobody handles would end the host's process.
 */
export function answerLater<T>(work: Promise<T>, respond: Respond, answer: (value: T) => RemotingCommand): void {
  work.then((value) => respond(answer(value))).catch((error: unknown) => respond(failure(error)));
}
