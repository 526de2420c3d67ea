import type { ReceivedMessage } from '../client/index.js';
import { type Duration, durationMillis, MessagingError } from '../protocol/index.js';
import type { IdempotencyStore, TransactionalIdempotencyStore } from './store.js';

/** What tells a message from all others: one text, or several that count together. */
export type IdempotencyKey = (message: ReceivedMessage) => string | readonly string[] | undefined;

/** @publicApi */
export type AnyIdempotencyStore = IdempotencyStore | TransactionalIdempotencyStore;

/** How a listener handles each message once. @publicApi */
export interface IdempotentOptions {
  /**
   * By what a message is known again, beside group and topic. `'id'`: the unique id that it was sent with, the same through
   * retries, delays and transactions. `'keys'`: its business keys. Or a function; a message without a key becomes a dead
   * letter. Default: `'id'`.
   */
  key?: 'id' | 'keys' | IdempotencyKey;
  /** Where it is remembered. A transactional one writes its mark in the handler's own transaction. Default: the module's. */
  store?: AnyIdempotencyStore;
  /** How long a handled message is remembered. Default: 7 days in SQL, otherwise 72 h; longer than the last retry takes. */
  ttl?: Duration;
  /** How long a crashed attempt keeps others out; extended while the handler runs. Not with a transactional store. Default: 60 s. */
  lease?: Duration;
  /**
   * A duplicate while the first is at work: `'wait'` keeps it here and looks again, `'retry'` gives it back to the broker,
   * which counts as an attempt. Not with a transactional store, which waits for the row. Default: `'wait'`.
   */
  onBusy?: 'wait' | 'retry';
  /**
   * When the store cannot be asked: `'closed'` handles nothing until it can, `'open'` handles unprotected. A transactional
   * store is the database of the handler, so there only `'closed'`. Default: `'closed'`.
   */
  failurePolicy?: 'closed' | 'open';
  /** Keeps what the handler of a request returns, so that a duplicate gets the same reply; 64 KiB at the most. Default: false. */
  cacheResult?: boolean;
  /**
   * Whether a known key with another payload is a conflict, which goes to the dead letters: `true` compares bodies, a function
   * gives what is compared. Default: false.
   */
  fingerprint?: boolean | ((message: ReceivedMessage) => string | Buffer);
}

/** For all listeners of a connection; `@Idempotent` overrides single options. @publicApi */
export interface IdempotencyDefaults extends IdempotentOptions {
  /** Whether listeners without `@Idempotent` are idempotent too. Default: false. */
  enabled?: boolean;
}

/** Complete and checked. */
export interface ResolvedIdempotency {
  readonly key: 'id' | 'keys' | IdempotencyKey;
  readonly store: AnyIdempotencyStore;
  readonly ttlMillis: number;
  readonly leaseMillis: number;
  readonly onBusy: 'wait' | 'retry';
  readonly failurePolicy: 'closed' | 'open';
  readonly cacheResult: boolean;
  readonly fingerprint: boolean | ((message: ReceivedMessage) => string | Buffer);
}

export const DEFAULT_LEASE_MILLIS = 60_000;
/** Of stores that say nothing else; the ladder of retries takes 4 h 46 min. */
export const DEFAULT_TTL_MILLIS = 72 * 3_600_000;
/** Longer than this a result is not kept. */
export const MAX_RESULT_BYTES = 65_536;
/** Below, a store's round trip could take longer than the third of the lease after which it is extended. */
const MIN_LEASE_MILLIS = 1_000;

interface Rule {
  readonly what: string;
  accepts(value: unknown): boolean;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const BOOLEAN: Rule = { what: 'true or false', accepts: (value) => typeof value === 'boolean' };
const oneOf = (...values: readonly string[]): Rule => ({
  what: values.map((value) => `"${value}"`).join(' or '),
  accepts: (value) => values.includes(value as string),
});

const RULES: Readonly<Record<keyof IdempotentOptions, Rule>> = {
  key: {
    what: '"id", "keys" or a function of the message',
    accepts: (value) => value === 'id' || value === 'keys' || isFunction(value),
  },
  store: {
    what: 'an idempotency store: an object with acquire, extend, complete and release, or with transact',
    accepts: isStore,
  },
  ttl: {
    what: 'a duration of at least "1s", such as "72h"',
    accepts: (value) => (durationMillis(value) ?? 0) >= 1_000,
  },
  lease: {
    what: 'a duration of at least "1s", such as "60s"',
    accepts: (value) => (durationMillis(value) ?? 0) >= MIN_LEASE_MILLIS,
  },
  onBusy: oneOf('wait', 'retry'),
  failurePolicy: oneOf('closed', 'open'),
  cacheResult: BOOLEAN,
  fingerprint: {
    what: 'true, false or a function of the message',
    accepts: (value) => BOOLEAN.accepts(value) || isFunction(value),
  },
};

/** Throws CONFIGURATION for the first option that is unknown or has a value that it cannot have. */
export function checkIdempotent(where: string, options: unknown): void {
  checkAgainst(where, options, RULES);
}

/** The same for the defaults of a connection. */
export function checkIdempotencyDefaults(where: string, options: unknown): void {
  checkAgainst(where, options, { ...RULES, enabled: BOOLEAN });
}

/**
 * What counts for a listener: its own options, then the connection's.
 * @throws MessagingError CONFIGURATION when there is no store, or the options contradict each other.
 */
export function resolveIdempotency(
  where: string,
  own: IdempotentOptions,
  defaults: IdempotentOptions = {},
): ResolvedIdempotency {
  const store = own.store ?? defaults.store;
  if (store === undefined) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: there is no store; give one here or in MessagingModule.forRoot({ idempotency: { store } })`,
    );
  }
  // What the connection says of leases is for its other listeners.
  const inherited = isTransactional(store) ? { ...defaults, ...NOT_IN_TRANSACTIONS } : defaults;
  const chosen = { ...withoutUndefined(inherited), ...withoutUndefined(own) };
  if (isTransactional(store)) refuseInTransactions(where, chosen);
  return {
    key: chosen.key ?? 'id',
    store,
    ttlMillis: durationMillis(chosen.ttl) ?? store.defaultTtlMillis ?? DEFAULT_TTL_MILLIS,
    leaseMillis: durationMillis(chosen.lease) ?? DEFAULT_LEASE_MILLIS,
    onBusy: chosen.onBusy ?? 'wait',
    failurePolicy: chosen.failurePolicy ?? 'closed',
    cacheResult: chosen.cacheResult ?? false,
    fingerprint: chosen.fingerprint ?? false,
  };
}

export function isTransactional(store: AnyIdempotencyStore): store is TransactionalIdempotencyStore {
  return 'transact' in store;
}

const NOT_IN_TRANSACTIONS = { lease: undefined, onBusy: undefined, failurePolicy: undefined };

function refuseInTransactions(where: string, { lease, onBusy, failurePolicy }: IdempotentOptions): void {
  const [option, why] =
    lease === undefined
      ? onBusy === undefined
        ? failurePolicy === 'open'
          ? ['failurePolicy: "open"', 'has no meaning: the handler cannot run without its transaction']
          : []
        : ['onBusy', 'has no meaning: a row that somebody else writes is waited for']
      : ['lease', 'has no meaning: the lock of the row is the lease'];
  if (option === undefined) return;
  throw new MessagingError('CONFIGURATION', `${where}: with a transactional store, ${option} ${why}; leave it out`);
}

function isStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const store = value as Record<string, unknown>;
  return (
    isFunction(store.transact) || ['acquire', 'extend', 'complete', 'release'].every((verb) => isFunction(store[verb]))
  );
}

function withoutUndefined(options: IdempotentOptions): IdempotentOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function checkAgainst(where: string, options: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new MessagingError('CONFIGURATION', `${where}: the options must be an object`);
  }
  for (const [name, value] of Object.entries(options)) {
    const known = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (known === undefined) {
      const all = Object.keys(rules).join(', ');
      throw new MessagingError('CONFIGURATION', `${where}: unknown option ${JSON.stringify(name)}; known: ${all}`);
    }
    if (value !== undefined && !known.accepts(value)) {
      throw new MessagingError('CONFIGURATION', `${where}: ${name} must be ${known.what}, not ${shown(value)}`);
    }
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
