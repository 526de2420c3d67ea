import { context, createContextKey, type Context, type Span } from '@opentelemetry/api';
import type { IdempotencyObserver } from '../../idempotency/index.js';

const CONSUMER_SPAN = createContextKey('nestmq consumer span');

/** Remembers the span of the delivery: the handler may have others active when something becomes of its message. */
export function withConsumerSpan(within: Context, span: Span): Context {
  return within.setValue(CONSUMER_SPAN, span);
}

/** Puts what idempotency came to on the span of the delivery. */
export const noteIdempotency: IdempotencyObserver = (outcome, { store }, messageId) => {
  const span = context.active().getValue(CONSUMER_SPAN) as Span | undefined;
  span?.addEvent('idempotency.outcome', {
    'nestmq.idempotency.outcome': outcome,
    'nestmq.idempotency.store': store,
    'messaging.message.id': messageId,
  });
};
