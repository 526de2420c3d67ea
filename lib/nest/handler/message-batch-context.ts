import type { Logger } from '@nestjs/common';
import type { ReceivedMessage } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';

/**
 * One delivery of a batch to a listener: the second argument of its handler, and what `@Ctx()` and
 * `switchToRpc().getContext()` give.
 *
 * @publicApi
 */
export class MessageBatchContext {
  #messages: readonly ReceivedMessage[];
  readonly #failures = new Map<ReceivedMessage, unknown>();

  constructor(
    messages: readonly ReceivedMessage[],
    /** The consumer group of the listener. */
    readonly group: string,
    /** The connection of the listener. */
    readonly connection: string,
    /** Aborted when the time for the handler is over: its messages may then be given to another member of the group. */
    readonly signal: AbortSignal,
    /** Logs under the listener's name. */
    readonly logger: Logger,
  ) {
    this.#messages = messages;
  }

  /** The messages as they were received, in the order of the payloads. In the handler: without those that a pipe refused. */
  get messages(): readonly ReceivedMessage[] {
    return this.#messages;
  }

  /**
   * Lets one message of the batch fail as if a handler of its own had thrown the error; the others are not concerned.
   * @param index Its place among the payloads.
   * @throws MessagingError BAD_ARGUMENT when there is none at that place.
   */
  fail(index: number, error: unknown): void {
    const message = this.#messages[index];
    if (message === undefined) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `fail: the batch has no message ${String(index)}, only 0 to ${this.#messages.length - 1}`,
      );
    }
    this.#failures.set(message, error);
  }

  /** @internal */
  static failures(context: MessageBatchContext): ReadonlyMap<ReceivedMessage, unknown> {
    return context.#failures;
  }

  /** @internal */
  static keep(context: MessageBatchContext, messages: readonly ReceivedMessage[]): void {
    context.#messages = messages;
  }
}
