import type { Logger } from '@nestjs/common';
import type { ReceivedMessage } from '../../client/index.js';

/**
 * One delivery of a message to one listener: the second argument of a handler, and what `@Ctx()` and
 * `switchToRpc().getContext()` give.
 *
 * @publicApi
 */
export class MessageContext<T = unknown> {
  constructor(
    /** The message as it was received, immutable. */
    readonly message: ReceivedMessage,
    /** The payload as it was decoded, before any pipe. */
    readonly payload: T,
    /** The consumer group of the listener. */
    readonly group: string,
    /** The connection of the listener. */
    readonly connection: string,
    /** Aborted when the time for the handler is over: its message may then be given to another member of the group. */
    readonly signal: AbortSignal,
    /** Logs under the listener's name. */
    readonly logger: Logger,
  ) {}

  /** 1 for the first attempt. */
  get attempt(): number {
    return this.message.attempt;
  }

  /** The topic that the message was sent to. */
  get topic(): string {
    return this.message.topic;
  }
}
