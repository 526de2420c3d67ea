import { type OutboxRelayOptions, RELAY_DEFAULTS, SqlOutbox } from '../../idempotency/index.js';
import { MessagingError } from '../../protocol/index.js';
import { checkOptions, type OptionRules, rule, wholeNumber } from '../options/option-checker.js';
import { type Duration, durationMillis, parseDuration } from '../payload/index.js';

/** Of the relay in this process. @publicApi */
export interface OutboxRelaySettings {
  /** How often it looks without being woken. Default: 1 s. */
  pollInterval?: Duration;
  /** Rows that it takes at a time, 1 to 10,000. Default: 500. */
  batchSize?: number;
  /** Of the 64 lanes, those that it takes at a time; the others are left to other relays. Default: 16. */
  lanes?: number;
  /** How long its lanes are its own: for so long nobody sends their rows after it has died. At least 1 s. Default: 10 s. */
  lease?: Duration;
}

/** @publicApi */
export interface OutboxSettings {
  /** Where `template.outbox(tx)` writes. */
  store: SqlOutbox;
  /** Whether this process sends what is in the outbox, and how; at least one process has to. Default: true. */
  relay?: boolean | OutboxRelaySettings;
}

export interface ResolvedOutbox {
  readonly store: SqlOutbox;
  /** Undefined: others relay. */
  readonly relay: OutboxRelayOptions | undefined;
}

/** The shortest lease: a third of it is the time of one send. */
const SHORTEST_LEASE_MILLIS = 1000;

const OUTBOX_RULES: OptionRules = {
  store: { what: 'an SqlOutbox', accepts: (value) => value instanceof SqlOutbox },
  relay: {
    what: 'true, false or { pollInterval, batchSize, lanes, lease }',
    accepts: (value) => rule.boolean.accepts(value) || rule.object.accepts(value),
  },
};

const RELAY_RULES: OptionRules = {
  pollInterval: {
    what: 'more than 0 milliseconds or a text like "500ms", "10s"',
    accepts: (value) => (durationMillis(value) ?? 0) > 0,
  },
  batchSize: wholeNumber(1, 10_000),
  lanes: wholeNumber(1, 64),
  lease: {
    what: 'a second or more: milliseconds, or a text like "10s"',
    accepts: (value) => (durationMillis(value) ?? 0) >= SHORTEST_LEASE_MILLIS,
  },
};

/** @throws MessagingError CONFIGURATION */
export function resolveOutbox(settings: OutboxSettings | undefined, where: string): ResolvedOutbox | undefined {
  if (settings === undefined) return undefined;
  checkOptions(`${where}, outbox`, settings, OUTBOX_RULES);
  const { store, relay = true } = settings;
  if (store === undefined) {
    throw new MessagingError('CONFIGURATION', `${where}, outbox: store must be an SqlOutbox: new SqlOutbox(adapter)`);
  }
  if (relay === false) return { store, relay: undefined };
  const chosen = relay === true ? {} : relay;
  checkOptions(`${where}, outbox.relay`, chosen, RELAY_RULES);
  const { pollInterval, batchSize, lanes, lease } = chosen;
  return {
    store,
    relay: {
      pollMillis: pollInterval === undefined ? RELAY_DEFAULTS.pollMillis : parseDuration(pollInterval, where),
      batchSize: batchSize ?? RELAY_DEFAULTS.batchSize,
      lanes: lanes ?? RELAY_DEFAULTS.lanes,
      leaseMillis: lease === undefined ? RELAY_DEFAULTS.leaseMillis : parseDuration(lease, where),
    },
  };
}
