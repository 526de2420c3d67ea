import { ReceivedMessage, type Settlement } from '../../client/index.js';
import type { HandlerPipeline, Passage } from '../nest-internals.js';
import { DefaultMessageConverter } from '../payload/index.js';
import { FailureSettler, undecodable } from './failure-settler.js';
import type { HandlerSettings } from './handler-settings.js';
import { MessageContext } from './message-context.js';
import { isPending, settledValue } from './settled-value.js';

const ACKNOWLEDGED: Settlement = Object.freeze({ kind: 'acknowledge' });

/** Takes one message through decoding, enhancers, handler and filters to its settlement. Never throws or rejects. */
export class ListenerHandler {
  private readonly failures: FailureSettler;
  private readonly ownConverter: boolean;

  constructor(
    private readonly pipeline: HandlerPipeline,
    private readonly settings: HandlerSettings,
  ) {
    this.ownConverter = settings.converter.constructor === DefaultMessageConverter;
    this.failures = new FailureSettler(pipeline, settings);
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
    const { group, connection, logger, listener } = settings;
    const context = new MessageContext(message, payload, group, connection, signal, logger, listener);
    const { direct } = pipeline;
    if (direct === undefined) return this.runThroughEnhancers(context);
    if (message.isRequest) return this.replyDirectly(direct, context);
    let result: unknown;
    try {
      result = direct(payload, context);
    } catch (error) {
      return this.failures.settle(error, 'handler', [context.payload, context], undefined);
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
      return this.failures.settle(error, 'handler', [context.payload, context], undefined);
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
      return this.failures.settle(error, 'handler', [context.payload, context], undefined);
    }
  }

  private async runThroughEnhancers(context: MessageContext): Promise<Settlement> {
    const passage: Passage = { args: [context.payload, context], entered: false, pieces: undefined };
    try {
      return this.reply(await this.pipeline.run(passage), context);
    } catch (error) {
      return this.failures.settle(error, passage.entered ? 'handler' : 'before-handler', passage.args, passage);
    }
  }
}
