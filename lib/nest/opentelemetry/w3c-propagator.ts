import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api';

const TRACEPARENT = 'traceparent';
const TRACESTATE = 'tracestate';
/**
 * version "-" trace-id "-" parent-id "-" flags, in lower-case hex; a later version may have more behind it.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** W3C Trace Context without the SDK: properties `traceparent` and `tracestate`. */
export class W3CPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context);
    if (span === undefined || !isSpanContextValid(span)) return;
    const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0');
    setter.set(carrier, TRACEPARENT, `00-${span.traceId}-${span.spanId}-${flags}`);
    const state = span.traceState?.serialize();
    if (state !== undefined && state !== '') setter.set(carrier, TRACESTATE, state);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const match = PATTERN.exec(one(getter.get(carrier, TRACEPARENT)) ?? '');
    if (match === null) return context;
    const [, version, traceId, spanId, flags, more] = match;
    // 00 has nothing behind it, ff is no version, and all zeros name no trace.
    if (version === 'ff' || (version === '00' && more !== undefined)) return context;
    if (traceId === NO_TRACE || spanId === NO_SPAN) return context;
    const state = one(getter.get(carrier, TRACESTATE));
    return trace.setSpanContext(context, {
      traceId: traceId!,
      spanId: spanId!,
      traceFlags: Number.parseInt(flags!, 16),
      isRemote: true,
      traceState: state === undefined ? undefined : createTraceState(state),
    });
  }

  fields(): string[] {
    return [TRACEPARENT, TRACESTATE];
  }
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
