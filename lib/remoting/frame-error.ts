import { MessagingError } from '../protocol/index.js';

/** The bytes cannot be trusted any further: the connection has to be closed. */
export function frameInvalid(why: string, cause?: unknown): MessagingError {
  return new MessagingError('FRAME_INVALID', `This is no RocketMQ frame: ${why}`, { cause });
}
