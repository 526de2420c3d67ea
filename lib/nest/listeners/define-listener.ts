import { createHash } from 'node:crypto';
import { conflictOf, ConsumeMode } from '../../client/index.js';
import type { IdempotentOptions } from '../../idempotency/index.js';
import { LIMITS, type MessageFilter, MessagingError, compileFilter } from '../../protocol/index.js';
import type { MessageListenerOptions } from '../decorators/index.js';
import type { HostClass } from '../nest-internals.js';
import { checkOptions, nameSafe } from '../options/index.js';
import { bindingSettings, DEFAULT_BATCH_SIZE } from './binding-settings.js';
import type { ListenerDefinition } from './listener-definition.js';
import { checkedGroup, checkedTopic } from './listener-names.js';
import { LISTENER_RULES } from './listener-rules.js';

/** What of a connection goes into the names on it. */
export interface ConnectionNames {
  readonly application: string;
  readonly namespace?: string | undefined;
}

/** Checks one `@MessageListener`; throws CONFIGURATION naming class, method and option. */
export function defineListener(
  host: HostClass,
  methodName: string,
  options: MessageListenerOptions,
  optionsOf: (connection: string, wantedBy: string) => ConnectionNames,
  idempotent?: IdempotentOptions | false,
): ListenerDefinition {
  const where = `@MessageListener on ${host.name}.${methodName}`;
  checkOptions(where, options, LISTENER_RULES);
  refuseConflicts(where, options);
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
    delivery: options.delivery ?? 'at-least-once',
    settings: bindingSettings(options),
    elementType: options.batch?.type,
    host,
    methodName,
    idempotent,
  };
}

function refuseConflicts(where: string, options: MessageListenerOptions): void {
  const { batch, mode = ConsumeMode.CONCURRENT } = options;
  const size = batch?.size ?? DEFAULT_BATCH_SIZE;
  const conflict = conflictOf({ ...options, mode, batch: batch && { size } });
  if (conflict === undefined) return;
  throw new MessagingError('CONFIGURATION', `${where}: the option ${conflict.option} ${conflict.why}`);
}

function filterOf({ tag, selector, headers }: MessageListenerOptions): MessageFilter {
  // A copy: what is changed afterwards must not change what brokers are told.
  return compileFilter({ tag, selector, headers: headers && structuredClone(headers) });
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
