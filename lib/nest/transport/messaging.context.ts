import { BaseRpcContext } from '@nestjs/microservices';
import type { ReceivedMessage } from '../../client/index.js';
import { PASSAGE, type Passage } from './rpc-passage.js';

/**
 * One delivery of a message to one handler: what `@Ctx()` and `switchToRpc().getContext()` give.
 *
 * @publicApi
 */
export class MessagingContext extends BaseRpcContext<[message: ReceivedMessage, pattern: string]> {
  /** @internal */
  readonly [PASSAGE]: Passage = { entered: false, failure: undefined };

  constructor(
    message: ReceivedMessage,
    pattern: string,
    /** The consumer group of the handler. */
    readonly group: string,
    /** Aborted when the time for the handler is over: its message may then be given to another member of the group. */
    readonly signal: AbortSignal,
  ) {
    super([message, pattern]);
  }

  /** The message as it was received, immutable. */
  get message(): ReceivedMessage {
    return this.args[0];
  }

  /** The pattern of the handler, as `topic:tag`. */
  get pattern(): string {
    return this.args[1];
  }

  /** 1 for the first attempt. */
  get attempt(): number {
    return this.message.attempt;
  }

  /** The topic that the message was sent to. */
  get topic(): string {
    return this.message.topic;
  }
}
