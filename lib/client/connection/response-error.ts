import {
  MESSAGING_ERROR_CODES,
  MessagingError,
  ResponseCode,
  responseCodeName,
  type MessagingErrorCode,
  type RemotingCommand,
} from '../../protocol/index.js';

/** An answer that is no success, as an error. `responseCode` is the broker's own. */
export class ResponseError extends MessagingError {
  constructor(
    readonly responseCode: number,
    code: MessagingErrorCode,
    message: string,
    retryable?: boolean,
  ) {
    super(code, message, { retryable });
  }
}

const CODES: ReadonlyMap<number, MessagingErrorCode> = new Map<number, MessagingErrorCode>([
  [ResponseCode.SYSTEM_ERROR, 'BROKER_ERROR'],
  [ResponseCode.SYSTEM_BUSY, 'BROKER_BUSY'],
  [ResponseCode.REQUEST_CODE_NOT_SUPPORTED, 'NOT_SUPPORTED'],
  [ResponseCode.MESSAGE_ILLEGAL, 'BAD_ARGUMENT'],
  [ResponseCode.SERVICE_NOT_AVAILABLE, 'BROKER_BUSY'],
  [ResponseCode.VERSION_NOT_SUPPORTED, 'NOT_SUPPORTED'],
  [ResponseCode.NO_PERMISSION, 'NO_PERMISSION'],
  [ResponseCode.TOPIC_NOT_EXIST, 'TOPIC_NOT_FOUND'],
  [ResponseCode.PULL_OFFSET_MOVED, 'OFFSET_OUT_OF_RANGE'],
  [ResponseCode.SUBSCRIPTION_PARSE_FAILED, 'BAD_ARGUMENT'],
  [ResponseCode.SUBSCRIPTION_NOT_EXIST, 'GROUP_NOT_FOUND'],
  [ResponseCode.SUBSCRIPTION_NOT_LATEST, 'GROUP_NOT_FOUND'],
  [ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, 'GROUP_NOT_FOUND'],
  [ResponseCode.FILTER_DATA_NOT_EXIST, 'GROUP_NOT_FOUND'],
  [ResponseCode.FILTER_DATA_NOT_LATEST, 'GROUP_NOT_FOUND'],
  [ResponseCode.INVALID_PARAMETER, 'BAD_ARGUMENT'],
  [ResponseCode.NO_BUYER_ID, 'BROKER_ERROR'],
  [ResponseCode.NOT_IN_CURRENT_UNIT, 'BROKER_ERROR'],
  [ResponseCode.FLOW_CONTROL, 'BROKER_BUSY'],
  [ResponseCode.NOT_LEADER_FOR_QUEUE, 'QUEUE_UNAVAILABLE'],
  [ResponseCode.GO_AWAY, 'SHUTTING_DOWN'],
]);

// Our broker's remark begins with our own code, since several errors share one of RocketMQ's; Apache's words for a full
// disk are known too.
const OWN_CODE = /^([A-Z_]+): /;
const OWN_CODES: ReadonlySet<string> = new Set(MESSAGING_ERROR_CODES);
const DISK_FULL = /disk.{0,20}full|no space/i;

function codeOf(response: RemotingCommand): MessagingErrorCode {
  const remark = response.remark ?? '';
  const own = OWN_CODE.exec(remark)?.[1];
  if (own !== undefined && OWN_CODES.has(own)) return own as MessagingErrorCode;
  if (response.code === ResponseCode.SERVICE_NOT_AVAILABLE && DISK_FULL.test(remark)) return 'DISK_FULL';
  return CODES.get(response.code) ?? 'BROKER_ERROR';
}

/** @param what What was asked of whom, for people: `Sending to orders@broker-a`. */
export function responseError(response: RemotingCommand, what: string): ResponseError {
  const remark = response.remark === undefined || response.remark === '' ? '' : `: ${response.remark}`;
  const code = codeOf(response);
  // The broker forgets groups that it has not heard of for long, and goes down to come back.
  const retryable = code === 'SHUTTING_DOWN' || code === 'GROUP_NOT_FOUND' ? true : undefined;
  return new ResponseError(
    response.code,
    code,
    `${what} failed with ${responseCodeName(response.code)} (${response.code})${remark}`,
    retryable,
  );
}

// RocketMQ's list: what another broker, or the same one a moment later, may well accept.
const RETRIED: ReadonlySet<number> = new Set([
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.SERVICE_NOT_AVAILABLE,
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.NO_PERMISSION,
  ResponseCode.NO_BUYER_ID,
  ResponseCode.NOT_IN_CURRENT_UNIT,
  ResponseCode.GO_AWAY,
]);

/** Whether a send that failed so is tried again: any failure to reach the broker, and RocketMQ's retryable answers. */
export function isSendRetried(error: MessagingError): boolean {
  return error instanceof ResponseError ? RETRIED.has(error.responseCode) : error.retryable;
}

export function asMessagingError(error: unknown, what: string): MessagingError {
  if (error instanceof MessagingError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new MessagingError('BROKER_ERROR', `${what} failed: ${reason}`, { cause: error });
}
