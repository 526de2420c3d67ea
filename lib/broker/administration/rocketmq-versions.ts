import { type RemotingCommand, ResponseCode } from '../../protocol/index.js';
import { languageName } from '../../remoting/index.js';

/** MQVersion ordinals of the first clients that know something. */
export const Version = {
  /** RESET_CONSUMER_CLIENT_OFFSET and GET_CONSUMER_STATUS_FROM_CLIENT. */
  V3_0_7: 28,
  /** GET_CONSUMER_RUNNING_INFO and CONSUME_MESSAGE_DIRECTLY. */
  V3_1_8: 62,
  V5_0_0: 413,
} as const;

/** Codes that came with RocketMQ 5, for errors that had been SYSTEM_ERROR. */
const SINCE_5: ReadonlySet<number> = new Set([
  ResponseCode.INVALID_PARAMETER,
  ResponseCode.NOT_LEADER_FOR_QUEUE,
  ResponseCode.ILLEGAL_OPERATION,
]);

/** The same answer with a code that a client of this version knows. */
export function inWordsOf(version: number, answer: RemotingCommand): RemotingCommand {
  if (version < Version.V5_0_0 && SINCE_5.has(answer.code)) answer.code = ResponseCode.SYSTEM_ERROR;
  return answer;
}

/** The name of a client's language for a tool of this version: those before 5 stumble over names that they do not know. */
export function languageFor(version: number, language: number): string {
  const name = languageName(language);
  return version < Version.V5_0_0 && name === 'NODE_JS' ? 'OTHER' : name;
}
