import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import {
  type ClientInterceptor,
  type InterceptedCall,
  type InterceptedSend,
  isPostponement,
  isRejection,
  isRetryLater,
  type OutgoingMessage,
  outcomeOf,
  reasonText,
  type ReceivedMessage,
  type SendResult,
  type Settlement,
} from '../../client/index.js';
import { statusOf } from '../handler/status-of.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';
import { callAttributes, connectionAttributes, sendAttributes } from './attributes.js';
import { propertyGetter, propertySetter } from './carriers.js';
import { withConsumerSpan } from './idempotency-events.js';
import type { MessagingTracingOptions } from './tracing-options.js';
import { W3CPropagator } from './w3c-propagator.js';

type Proceed = (messages: readonly OutgoingMessage[]) => Promise<SendResult | undefined>;

const w3c = new W3CPropagator();

/** Spans around the sends and handlers of one connection, and the way of the context between them. */
export class MessagingTracer implements ClientInterceptor {
  private readonly common: Attributes;

  constructor(
    private readonly options: MessagingTracingOptions,
    connection: ResolvedConnectionOptions,
    private readonly version: string,
  ) {
    this.common = connectionAttributes(connection);
  }

  readonly send = (send: InterceptedSend, proceed: Proceed): Promise<SendResult | undefined> => {
    const attributes = { ...this.common, ...sendAttributes(send) };
    const [first] = send.messages;
    const active = context.active();
    // What a relay sends for somebody else carries a context of its own.
    const parent =
      trace.getSpan(active) === undefined
        ? this.propagator.extract(active, first!.properties ?? {}, propertyGetter)
        : active;
    const span = this.tracer.startSpan(`send ${first!.topic}`, { kind: SpanKind.PRODUCER, attributes }, parent);
    const within = trace.setSpan(parent, span);
    // Those that a relay puts into one batch may be of different traces.
    const keeps = (message: OutgoingMessage): boolean =>
      parent !== active && message !== first && this.carriesContext(message);
    const messages = send.messages.map((message) => (keeps(message) ? message : this.withContext(message, within)));
    return context.with(within, () => this.finishSend(span, proceed(messages)));
  };

  /** The send of a relay then belongs to the trace of whoever wrote the message. */
  readonly sendLater = (message: OutgoingMessage): OutgoingMessage => {
    const active = context.active();
    return trace.getSpan(active) ? this.withContext(message, active) : message;
  };

  readonly handle = (
    call: InterceptedCall,
    proceed: () => Promise<readonly Settlement[]>,
  ): Promise<readonly Settlement[]> => {
    const { messages } = call;
    const senders = messages.map((message) => this.contextOf(message));
    // A span has one parent: several messages, which may come from as many traces, are linked.
    const parent = messages.length === 1 ? senders[0]! : ROOT_CONTEXT;
    const options = {
      kind: SpanKind.CONSUMER,
      attributes: { ...this.common, ...callAttributes(call) },
      links: messages.length === 1 ? [] : senders.flatMap(linkTo),
    };
    const span = this.tracer.startSpan(`process ${messages[0]!.topic}`, options, parent);
    const within = withConsumerSpan(trace.setSpan(parent, span), span);
    return context.with(within, () => this.finishCall(span, call, proceed()));
  };

  /** A check comes out of nowhere, long after: it belongs to the trace of its message. */
  readonly transact: NonNullable<ClientInterceptor['transact']> = ({ what, message }, proceed) =>
    what === 'execute' ? proceed() : context.with(this.contextOf(message), proceed);

  // Asked each time: an application may set its provider after this was made.
  private get tracer(): Tracer {
    return (this.options.tracerProvider ?? trace).getTracer('nestmq', this.version);
  }

  private get propagator(): Pick<TextMapPropagator, 'inject' | 'extract'> {
    return this.options.propagator ?? (propagation.fields().length > 0 ? propagation : w3c);
  }

  private withContext(message: OutgoingMessage, within: Context): OutgoingMessage {
    const properties = { ...message.properties };
    this.propagator.inject(within, properties, propertySetter);
    return { ...message, properties };
  }

  private carriesContext({ properties }: OutgoingMessage): boolean {
    return trace.getSpanContext(this.propagator.extract(ROOT_CONTEXT, properties ?? {}, propertyGetter)) !== undefined;
  }

  private contextOf(message: ReceivedMessage): Context {
    return this.propagator.extract(ROOT_CONTEXT, message.properties, propertyGetter);
  }

  private async finishSend(span: Span, sent: Promise<SendResult | undefined>): Promise<SendResult | undefined> {
    try {
      const result = await sent;
      if (result !== undefined) {
        span.setAttribute('messaging.message.id', result.messageId);
        if ('transactionState' in result) span.setAttribute('messaging.rocketmq.message.type', 'transaction');
      }
      return result;
    } catch (error) {
      paintRed(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  private async finishCall(
    span: Span,
    call: InterceptedCall,
    settling: Promise<readonly Settlement[]>,
  ): Promise<readonly Settlement[]> {
    try {
      const settlements = await settling;
      const outcomes = settlements.map((settlement, index) => outcomeOf(call, call.messages[index]!, settlement));
      const words = outcomes.map((outcome) => (outcome === 'deadLettered' ? 'dead-lettered' : outcome));
      span.setAttribute('nestmq.outcome', [...new Set(words)].join(','));
      const failed = settlements.find(
        (settlement) => settlement.kind !== 'acknowledge' && !isExpected(settlement.error),
      );
      if (failed !== undefined && failed.kind !== 'acknowledge') paintRed(span, failed.error);
      return settlements;
    } finally {
      span.end();
    }
  }
}

function linkTo(sender: Context): Link[] {
  const spanContext = trace.getSpanContext(sender);
  return spanContext === undefined ? [] : [{ context: spanContext }];
}

/** What a handler says on purpose: the message is to be refused, or comes later. Nothing is broken. */
function isExpected(error: unknown): boolean {
  if (isRejection(error) || isRetryLater(error) || isPostponement(error)) return true;
  const status = statusOf(error);
  return (status !== undefined && status < 500) || isRpcException(error);
}

/** By its shape: `@nestjs/microservices` need not be there, and its class keeps the name `Error`. */
function isRpcException(error: unknown): boolean {
  return error instanceof Error && typeof (error as { getError?: unknown }).getError === 'function';
}

function paintRed(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : reasonText(error));
  span.setAttribute('error.type', error instanceof Error ? error.constructor.name : typeof error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: reasonText(error) });
}
