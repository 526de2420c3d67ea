import { RequestCode, ResponseCode, requestCodeName } from '../../protocol/index.js';
import type { RequestHandler } from '../../remoting/index.js';
import { refusal } from '../answers.js';
import type { Handlers } from './parts.js';

const POPPING = 'messages are pulled here, not popped; give the client its own rebalancing (clientRebalance=true)';
const SLAVES = 'this broker has no slaves that would copy it';

/** Requests of RocketMQ's that cannot be answered here, and why. All others that nobody serves are unknown. */
const REASONS: ReadonlyMap<number, string> = new Map<number, string>([
  [RequestCode.POP_MESSAGE, POPPING],
  [RequestCode.ACK_MESSAGE, POPPING],
  [RequestCode.BATCH_ACK_MESSAGE, POPPING],
  [RequestCode.PEEK_MESSAGE, POPPING],
  [RequestCode.CHANGE_MESSAGE_INVISIBLETIME, POPPING],
  [RequestCode.NOTIFICATION, POPPING],
  [RequestCode.POLLING_INFO, POPPING],
  [RequestCode.POP_ROLLBACK, POPPING],
  [RequestCode.QUERY_ASSIGNMENT, POPPING],
  [RequestCode.SET_MESSAGE_REQUEST_MODE, POPPING],
  [RequestCode.GET_ALL_MESSAGE_REQUEST_MODE, POPPING],
  [RequestCode.RECALL_MESSAGE, 'a delayed message cannot be taken back'],
  [RequestCode.GET_ALL_CONSUMER_OFFSET, SLAVES],
  [RequestCode.GET_ALL_DELAY_OFFSET, SLAVES],
  [RequestCode.GET_TIMER_CHECK_POINT, SLAVES],
  [RequestCode.GET_TIMER_METRICS, SLAVES],
  [RequestCode.EXCHANGE_BROKER_HA_INFO, SLAVES],
  [RequestCode.GET_BROKER_HA_STATUS, SLAVES],
  [RequestCode.RESET_MASTER_FLUSH_OFFSET, SLAVES],
]);

const refuse: RequestHandler = ({ code }, _channel, respond) => {
  const remark = `NOT_SUPPORTED:  request type ${requestCodeName(code)} not supported: ${REASONS.get(code)}`;
  respond(refusal(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, remark));
};

export const NOT_SERVED: Handlers = [...REASONS.keys()].map((code) => [code, refuse] as const);
