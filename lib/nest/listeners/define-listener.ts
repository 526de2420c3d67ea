import { createHash } from 'node:crypto';
import { conflictOf, ConsumeMode } from '../../client/index.js';
import {
  type HeaderMatch,
  LIMITS,
  type MessageFilter,
  MessagingError,
  checkGroup,
  checkTopic,
  compileFilter,
  isDeadLetterTopic,
  isHiddenTopic,
  isRetryTopic,
} from '../../protocol/index.js';
import type { MessageListenerOptions } from '../decorators/index.js';
import type { HostClass } from '../nest-internals.js';
import { type OptionRules, checkOptions, nameRule, nameSafe, rule, wholeNumber } from '../options/index.js';
import { durationMillis, parseDuration } from '../payload/index.js';
import type { ListenerDefinition } from './listener-definition.js';

const MODES: readonly string[] = Object.values(ConsumeMode);

const RULES: OptionRules = {
  topic: rule.text,
  tag: rule.text,
  selector: rule.text,
  headers: {
    what: '{ match: "all" or "any", properties: { name: text, or true for any value } }',
    accepts: isHeaderMatch,
  },
  group: rule.text,
  mode: {
    what: MODES.map((mode) => `ConsumeMode.${mode}`).join(', '),
    accepts: (value) => MODES.includes(value as string),
  },
  concurrency: wholeNumber(1, 10_000),
  maxReconsumeTimes: wholeNumber(0),
  backoff: {
    what: 'an array of milliseconds with at least one element, or a function of the attempt',
    accepts: (value) =>
      typeof value === 'function' || (Array.isArray(value) && value.length > 0 && value.every(isMillis)),
  },
  from: {
    what: '"latest", "earliest" or a valid Date',
    accepts: (value) =>
      value === 'latest' || value === 'earliest' || (value instanceof Date && !Number.isNaN(value.getTime())),
  },
  keyOrder: {
    what: 'true or a function of the message',
    accepts: (value) => value === true || typeof value === 'function',
  },
  rateLimit: {
    what: 'an object { limit, interval }: a whole number above 0, and a duration above 0 such as "1s"',
    accepts: isRateLimit,
  },
  retryRequests: rule.boolean,
  connection: nameRule,
};

function isHeaderMatch(value: unknown): boolean {
  if (!rule.object.accepts(value)) return false;
  const { match, properties, ...others } = value as Partial<HeaderMatch>;
  return (
    (match === 'all' || match === 'any') &&
    Object.keys(others).length === 0 &&
    rule.object.accepts(properties) &&
    Object.values(properties!).every((wanted) => wanted === true || typeof wanted === 'string')
  );
}

function isMillis(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** What of a connection goes into the names on it. */
export interface ConnectionNames {
  readonly application: string;
  readonly namespace?: string | undefined;
}

function isRateLimit(value: unknown): boolean {
  if (!rule.object.accepts(value)) return false;
  const { limit, interval, ...more } = value as { limit?: unknown; interval?: unknown };
  const noMore = Object.keys(more).length === 0;
  return noMore && Number.isSafeInteger(limit) && (limit as number) > 0 && (durationMillis(interval) ?? 0) > 0;
}

/** Checks one `@MessageListener`; throws CONFIGURATION naming class, method and option. */
export function defineListener(
  host: HostClass,
  methodName: string,
  options: MessageListenerOptions,
  optionsOf: (connection: string, wantedBy: string) => ConnectionNames,
): ListenerDefinition {
  const where = `@MessageListener on ${host.name}.${methodName}`;
  checkOptions(where, options, RULES);
  refuseWithoutEffect(where, options);
  const connection = options.connection ?? 'default';
  const { application, namespace } = optionsOf(connection, where);
  const group = options.group ?? defaultGroup(application, host.name, methodName, namespace);
  return {
    name: `${host.name}.${methodName}`,
    connection,
    group: named(where, () => checkedGroup(group, namespace)),
    topic: named(where, () => checkedTopic(options.topic, namespace)),
    filter: named(where, () => filterOf(options)),
    mode: options.mode ?? ConsumeMode.CONCURRENT,
    from: options.from ?? 'latest',
    concurrency: options.concurrency,
    maxReconsumeTimes: options.maxReconsumeTimes,
    backoff: options.backoff,
    keyOrder: options.keyOrder,
    rateLimit: options.rateLimit && {
      limit: options.rateLimit.limit,
      intervalMillis: parseDuration(options.rateLimit.interval, where),
    },
    retryRequests: options.retryRequests,
    host,
    methodName,
  };
}

function refuseWithoutEffect(where: string, options: MessageListenerOptions): void {
  const conflict = conflictOf({ ...options, mode: options.mode ?? ConsumeMode.CONCURRENT });
  if (conflict === undefined) return;
  throw new MessagingError(
    'CONFIGURATION',
    `${where}: the option ${conflict.option} would do nothing: ${conflict.why}`,
  );
}

function filterOf({ tag, selector, headers }: MessageListenerOptions): MessageFilter {
  // A copy: what is changed afterwards must not change what brokers are told.
  return compileFilter({ tag, selector, headers: headers && structuredClone(headers) });
}

function checkedTopic(topic: string, namespace: string | undefined): string {
  checkTopic(topic, namespace);
  if (isHiddenTopic(topic)) {
    throw new MessagingError(
      'NAME_INVALID',
      `the topic ${topic} is read by the broker only; listen to one of your own`,
    );
  }
  if (!isRetryTopic(topic)) return topic;
  throw new MessagingError(
    'NAME_INVALID',
    `the topic ${topic} belongs to the retries of a group; listen to the topic itself`,
  );
}

function checkedGroup(group: string, namespace: string | undefined): string {
  checkGroup(group, namespace);
  if (!isRetryTopic(group) && !isDeadLetterTopic(group)) return group;
  throw new MessagingError('NAME_INVALID', `the group ${group} begins with a prefix of the broker's own topics`);
}

/** Kept within the limit of group names by a hash of what is cut off, so that it stays the same over restarts. */
export function defaultGroup(application: string, className: string, methodName: string, namespace?: string): string {
  const full = `${application}-${nameSafe(className)}-${nameSafe(methodName)}`;
  const room = LIMITS.groupBytes - (namespace === undefined ? 0 : namespace.length + 1);
  if (full.length <= room) return full;
  const hash = createHash('sha256').update(full).digest('hex').slice(0, 12);
  return `${full.slice(0, room - hash.length - 1)}-${hash}`;
}

function named<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new MessagingError('CONFIGURATION', `${where}: ${(cause as Error).message}`, { cause });
  }
}
