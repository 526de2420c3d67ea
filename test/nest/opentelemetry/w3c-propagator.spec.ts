import { describe, expect, it } from '@jest/globals';
import { createTraceState, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api';
import { W3CPropagator } from '../../../lib/opentelemetry.js';
import { propertyGetter, propertySetter } from '../../../lib/nest/opentelemetry/carriers.js';

const propagator = new W3CPropagator();
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

function extract(properties: Record<string, string>): SpanContext | undefined {
  return trace.getSpanContext(propagator.extract(ROOT_CONTEXT, properties, propertyGetter));
}

describe('W3C trace context', () => {
  it('comes back as it went', () => {
    const span = { traceId: TRACE, spanId: SPAN, traceFlags: 1, traceState: createTraceState('a=1,b=2') };
    const carrier: Record<string, string> = {};
    propagator.inject(trace.setSpanContext(ROOT_CONTEXT, span), carrier, propertySetter);
    expect(carrier).toEqual({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1,b=2' });
    const back = extract(carrier);
    expect(back).toMatchObject({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true });
    expect(back?.traceState?.serialize()).toBe('a=1,b=2');
    expect(propagator.fields()).toEqual(['traceparent', 'tracestate']);
  });

  it('says nothing without a valid span', () => {
    const carrier = {};
    propagator.inject(ROOT_CONTEXT, carrier, propertySetter);
    const invalid = { traceId: '0'.repeat(32), spanId: SPAN, traceFlags: 0 };
    propagator.inject(trace.setSpanContext(ROOT_CONTEXT, invalid), carrier, propertySetter);
    expect(carrier).toEqual({});
  });

  it('takes later versions with more behind it', () => {
    expect(extract({ traceparent: `01-${TRACE}-${SPAN}-00-more` })).toMatchObject({ traceId: TRACE, traceFlags: 0 });
  });

  it.each([
    [''],
    ['nonsense'],
    [`00-${TRACE}-${SPAN}-01-more`],
    [`ff-${TRACE}-${SPAN}-01`],
    [`00-${'0'.repeat(32)}-${SPAN}-01`],
    [`00-${TRACE}-${'0'.repeat(16)}-01`],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`],
    [`00-${TRACE}-${SPAN}`],
    [`00-${TRACE}-${SPAN}-01\n`],
  ])('refuses %j', (traceparent) => {
    expect(extract({ traceparent })).toBeUndefined();
  });
});
