import type { Logger } from '@nestjs/common';
import {
  ReceivedMessage,
  type Settlement,
  type Stage,
  decide,
  isAcknowledgement,
  reasonText,
} from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { HandlerPipeline, Passage } from '../nest-internals.js';
import { DefaultMessageConverter, type MessageConverter } from '../payload/index.js';
import { MessageContext } from './message-context.js';
import { isPending, settledValue } from './settled-value.js';
import { statusOf } from './status-of.js';

const ACKNOWLEDGED: Settlement = Object.freeze({ kind: 'acknowledge' });

export interface HandlerSettings {
  readonly name: string;
  readonly group: string;
  readonly connection: string;
  readonly converter: MessageConverter;
  /** The declared type of the payload, when the compiler emitted it. */
  readonly payloadType: unknown;
  readonly logger: Logger;
}

/** Takes one message through decoding, enhancers, handler and filters to its settlement. Never throws or rejects. */
export class ListenerHandler {
  /** A filter made for HTTP fails alike for every message: said once per kind of error, then only for debugging. */
  private readonly reportedFilters = new Set<string>();
  private readonly ownConverter: boolean;

  constructor(
    private readonly pipeline: HandlerPipeline,
    private readonly settings: HandlerSettings,
  ) {
    this.ownConverter = settings.converter.constructor === DefaultMessageConverter;
  }

  handle(message: ReceivedMessage, signal: AbortSignal): Settlement | Promise<Settlement> {
    const { settings, pipeline } = this;
    let payload: unknown;
    try {
      // Our own converter gives nothing away of what it reads; another one gets a copy, which it may do with as it likes.
      const body = this.ownConverter ? ReceivedMessage.bodyView(message) : message.body;
      payload = settings.converter.decode(body, message.contentType, settings.payloadType);
    } catch (error) {
      return { kind: 'dead-letter', error: undecodable(error, message) };
    }
    const context = new MessageContext(message, payload, settings.group, settings.connection, signal, settings.logger);
    const { direct } = pipeline;
    if (direct === undefined) return this.runThroughEnhancers(context);
    if (message.isRequest) return this.replyDirectly(direct, context);
    let result: unknown;
    try {
      result = direct(payload, context);
    } catch (error) {
      return this.fail(error, 'handler', context, undefined);
    }
    return isPending(result) ? this.finish(result, context) : ACKNOWLEDGED;
  }

  private async replyDirectly(
    direct: (payload: unknown, context: MessageContext) => unknown,
    context: MessageContext,
  ): Promise<Settlement> {
    try {
      return this.reply(await settledValue(direct(context.payload, context)), context);
    } catch (error) {
      return this.fail(error, 'handler', context, undefined);
    }
  }

  /** What the handler came to is the reply, if somebody waits for one. */
  private reply(value: unknown, { message }: MessageContext): Settlement {
    if (value === undefined || !message.isRequest) return ACKNOWLEDGED;
    const { body, contentType } = this.settings.converter.encode(value);
    return { kind: 'acknowledge', reply: { body, contentType } };
  }

  private async finish(result: unknown, context: MessageContext): Promise<Settlement> {
    try {
      await settledValue(result);
      return ACKNOWLEDGED;
    } catch (error) {
      return this.fail(error, 'handler', context, undefined);
    }
  }

  private async runThroughEnhancers(context: MessageContext): Promise<Settlement> {
    const passage: Passage = { args: [context.payload, context], entered: false, pieces: undefined };
    try {
      return this.reply(await this.pipeline.run(passage), context);
    } catch (error) {
      return this.fail(error, passage.entered ? 'handler' : 'before-handler', context, passage);
    }
  }

  private async fail(
    thrown: unknown,
    stage: Stage,
    context: MessageContext,
    passage: Passage | undefined,
  ): Promise<Settlement> {
    // `throw undefined` is a failure too, but `decide` reads undefined as success.
    const failure = thrown ?? new Error(`${this.settings.name} threw ${String(thrown)}`);
    const args: [unknown, object] = passage?.args ?? [context.payload, context];
    const filter = this.pipeline.filterFor(failure, passage, args);
    if (filter === undefined) return decide(stage, failure, statusOf);
    try {
      const answer = await settledValue(filter());
      return isAcknowledgement(answer) ? ACKNOWLEDGED : decide(stage, failure, statusOf);
    } catch (error) {
      return decide(stage, this.chosen(failure, error), statusOf);
    }
  }

  /**
   * A filter changes the failure by throwing another error. What it throws because it expects an HTTP response (a
   * TypeError, mostly `response.status is not a function`), or what is no error at all, says nothing about the message.
   */
  private chosen(failure: unknown, thrown: unknown): unknown {
    if (thrown === failure) return failure;
    const accident = !(thrown instanceof Error) || thrown.name === 'TypeError' || thrown.name === 'ReferenceError';
    if (!accident) return thrown;
    const what = thrown instanceof Error ? thrown.message : `it threw ${typeof thrown}, not an Error`;
    const text =
      `an exception filter failed at a message for ${this.settings.name} (${what}); the original failure stands. ` +
      'Let the filter test isMqContext(host) first';
    if (this.reportedFilters.has(what)) this.settings.logger.debug(text);
    else {
      this.reportedFilters.add(what);
      this.settings.logger.warn(text);
    }
    return failure;
  }
}

function undecodable(error: unknown, message: ReceivedMessage): unknown {
  if (error instanceof MessagingError && error.code === 'UNDECODABLE') return error;
  const why = reasonText(error);
  return new MessagingError(
    'UNDECODABLE',
    `message ${message.messageId} of ${message.topic} cannot be decoded: ${why}`,
    {
      cause: error,
    },
  );
}
