import { type MessageHandler, RpcException } from '@nestjs/microservices';
import { isObservable, lastValueFrom, toArray } from 'rxjs';
import {
  ReceivedMessage,
  type Settlement,
  type Stage,
  decide,
  isAcknowledgement,
  isPostponement,
} from '../../client/index.js';
import type { DeliveringListener } from '../../idempotency/index.js';
import { isAccident, undecodable } from '../handler/failure-settler.js';
import { statusOf } from '../handler/status-of.js';
import { DefaultMessageConverter, type MessageConverter } from '../payload/index.js';
import type { HandlerDefinition } from './handler-definition.js';
import { MessagingContext } from './messaging.context.js';
import { PASSAGE } from './rpc-passage.js';

const ACKNOWLEDGED: Settlement = Object.freeze({ kind: 'acknowledge' });
/** What Nest's own codes for HTTP are to guards and pipes, its RpcException is here: the message is refused, not the attempt. */
const REFUSED = 400;

/** Runs a call between the hooks of the strategy. */
export type AroundCall = (context: MessagingContext, call: () => Promise<unknown[]>) => Promise<unknown[]>;

/** Takes a message to the methods of a pattern, through Nest's rpc pipeline, and to its settlement. Never rejects. */
export class PatternHandler {
  private readonly ownConverter: boolean;

  constructor(
    private readonly definition: HandlerDefinition,
    private readonly converter: MessageConverter,
    private readonly around: AroundCall,
    private readonly listener?: DeliveringListener,
  ) {
    this.ownConverter = converter.constructor === DefaultMessageConverter;
  }

  async handle(message: ReceivedMessage, signal: AbortSignal): Promise<Settlement> {
    const { callbacks } = this.definition;
    if (callbacks.length === 1) return this.call(callbacks[0]!, message, signal);
    const settled = await Promise.all(callbacks.map((callback) => this.call(callback, message, signal)));
    // The one that wants another attempt gets it, and the others with it: a message is settled as a whole.
    const first = (wanted: Settlement['kind']) => settled.find(({ kind }) => kind === wanted);
    return first('retry') ?? first('postpone') ?? first('dead-letter') ?? ACKNOWLEDGED;
  }

  private async call(callback: MessageHandler, message: ReceivedMessage, signal: AbortSignal): Promise<Settlement> {
    const { pattern, group, isEvent } = this.definition;
    let data: unknown;
    try {
      // Our own converter gives nothing away of what it reads; another one gets a copy.
      const body = this.ownConverter ? ReceivedMessage.bodyView(message) : message.body;
      data = this.converter.decode(body, message.contentType, undefined);
    } catch (error) {
      return { kind: 'dead-letter', error: undecodable(error, message) };
    }
    const context = new MessagingContext(message, pattern, group, signal, this.listener, isEvent);
    const passage = context[PASSAGE];
    let values: unknown[];
    try {
      values = await this.around(context, () => this.settledValues(callback, data, context));
      if (passage.failure === undefined) return this.acknowledge(values, message);
      // Nothing has failed, the message only waits: filters have no say.
      if (isPostponement(passage.failure.error)) return decide('handler', passage.failure.error, statusOfRpc);
      if (this.answersItself(values, message)) return this.acknowledge(values, message);
    } catch (thrown) {
      return this.failed(context, passage.failure, thrown);
    }
    if (isAcknowledgement(values.at(-1))) return ACKNOWLEDGED;
    return decide(stageOf(context), passage.failure.error ?? nothingThrown(pattern), statusOfRpc);
  }

  /** All that the handler comes to; of an event only the last, and not kept. */
  private async settledValues(callback: MessageHandler, data: unknown, context: MessagingContext): Promise<unknown[]> {
    const result: unknown = await callback(data, context);
    if (!isObservable(result)) return [result];
    if (!this.definition.isEvent) return lastValueFrom(result.pipe(toArray()));
    return [await lastValueFrom(result, { defaultValue: undefined })];
  }

  /** What a filter gives for a request is what the requester gets, as Nest has it; for an event it changes nothing. */
  private answersItself(values: readonly unknown[], message: ReceivedMessage): boolean {
    if (this.definition.isEvent || !message.isRequest) return false;
    return values.some((value) => value !== undefined && !isAcknowledgement(value));
  }

  private acknowledge(values: readonly unknown[], message: ReceivedMessage): Settlement {
    if (this.definition.isEvent || !message.isRequest) return ACKNOWLEDGED;
    if (values.length === 0 || (values.length === 1 && values[0] === undefined)) return ACKNOWLEDGED;
    const several = values.length > 1;
    const { body, contentType } = this.converter.encode(several ? values : values[0]);
    return { kind: 'acknowledge', reply: { body, contentType, several } };
  }

  /** @param thrown By a filter, or when there is none what the handler threw. */
  private failed(
    context: MessagingContext,
    failure: { readonly error: unknown } | undefined,
    thrown: unknown,
  ): Settlement {
    const original = failure === undefined ? thrown : failure.error;
    const error = original ?? nothingThrown(this.definition.pattern);
    const settlement = decide(stageOf(context), error, statusOfRpc);
    if (thrown === original || isPostponement(original)) return settlement;
    // A filter changes a failure by throwing another error. What it cannot do with a message changes nothing.
    if (thrown instanceof Error) return isAccident(thrown) ? settlement : decide(stageOf(context), thrown, statusOfRpc);
    if (this.definition.isEvent || settlement.kind === 'acknowledge') return settlement;
    // Nest's filters give the payload of an RpcException: for the requester it is one.
    const payload = typeof thrown === 'object' && thrown !== null ? thrown : String(thrown);
    return { ...settlement, error: Object.assign(new RpcException(payload), { cause: error }) };
  }
}

function stageOf(context: MessagingContext): Stage {
  return context[PASSAGE].entered ? 'handler' : 'before-handler';
}

function statusOfRpc(error: unknown): number | undefined {
  return statusOf(error) ?? (error instanceof RpcException ? REFUSED : undefined);
}

/** `throw undefined` is a failure too, but `decide` reads undefined as success. */
function nothingThrown(pattern: string): Error {
  return new Error(`the handler of ${pattern} threw nothing`);
}
