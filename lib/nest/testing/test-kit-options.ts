import { type Duration, durationMillis } from '../payload/index.js';
import { type OptionRules, checkOptions, rule, wholeNumber } from '../options/index.js';

/** A connection that looks for its broker. */
export interface TestConnection {
  readonly application: string;
  readonly connection: string;
}

/** @publicApi */
export interface MessagingTestKitOptions {
  /** Where virtual time begins. Default: 2026-01-01T00:00:00Z, so that every run is alike. */
  startAt?: Date;
  /** Real time that `settled`, `advance` and `until` spend on waiting for handlers before they fail. Default: 4 s. */
  timeout?: Duration;
  /** Whether the engine logs through Nest's logger: what fails on purpose would fill the output. Default: false. */
  logs?: boolean;
  /** What chance is drawn from (queues, ids): equal seeds, equal runs. Default: 1. */
  seed?: number;
  /** The broker that a connection leads to: those with one name share one. Default: the name of the connection. */
  brokerOf?: (connection: TestConnection) => string;
}

const RULES: OptionRules = {
  startAt: { what: 'a valid Date', accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()) },
  timeout: {
    what: 'more than 0 milliseconds or a text like "500ms", "10s"',
    accepts: (value) => (durationMillis(value) ?? 0) > 0,
  },
  logs: rule.boolean,
  seed: wholeNumber(0),
  brokerOf: { what: 'a function', accepts: (value) => typeof value === 'function' },
};

/** Throws CONFIGURATION for an option that is none. */
export function checkKitOptions(options: MessagingTestKitOptions): void {
  checkOptions('MessagingTestKit', options, RULES);
}
