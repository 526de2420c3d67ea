import type { TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import { type OptionRules, checkOptions } from '../options/index.js';

/** @publicApi */
export interface MessagingTracingOptions {
  /** Default: the global one. Without an SDK nothing is recorded, and traces of others are passed on. */
  tracerProvider?: TracerProvider;
  /** What writes the context into properties and reads it. Default: the global one, or W3C Trace Context if none is set. */
  propagator?: TextMapPropagator;
}

const RULES: OptionRules = {
  tracerProvider: {
    what: 'a TracerProvider of OpenTelemetry',
    accepts: (value) => typeof (value as TracerProvider | null)?.getTracer === 'function',
  },
  propagator: {
    what: 'a TextMapPropagator of OpenTelemetry',
    accepts: (value) =>
      typeof (value as TextMapPropagator | null)?.inject === 'function' &&
      typeof (value as TextMapPropagator | null)?.extract === 'function',
  },
};

/** Throws CONFIGURATION for an option that is none. */
export function checkTracingOptions(options: MessagingTracingOptions): void {
  checkOptions('MessagingTracingModule', options, RULES);
}
