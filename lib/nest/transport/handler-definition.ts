import type { MessageHandler } from '@nestjs/microservices';
import { conflictOf, ConsumeMode } from '../../client/index.js';
import { type MessageFilter, MessagingError, compileFilter } from '../../protocol/index.js';
import { bindingSettings, type BindingSettings } from '../listeners/binding-settings.js';
import type { Planned } from '../listeners/consumer-plan.js';
import { checkedGroup, checkedTopic } from '../listeners/listener-names.js';
import { LISTENER_RULES } from '../listeners/listener-rules.js';
import { checkOptions } from '../options/index.js';
import { parsePattern, type ParsedPattern, type PatternOptions } from './pattern.js';

/** One decorated method, as Nest hands it over. */
export interface RegisteredHandler {
  readonly pattern: unknown;
  readonly callback: MessageHandler;
  readonly isEvent: boolean;
  readonly extras: unknown;
}

/** What one listener of a group is made of: a pattern, and all methods that are called for it. */
export interface HandlerDefinition extends Planned {
  /** The pattern as it was written, with the number of its group's further ones behind it. */
  readonly name: string;
  readonly pattern: string;
  readonly isEvent: boolean;
  readonly settings: BindingSettings;
  readonly callbacks: readonly MessageHandler[];
}

/** What patterns are looked at with. */
export interface HandlerWorld {
  readonly connection: string;
  readonly namespace: string | undefined;
  /** Of handlers that name none. */
  readonly group: string;
}

const { topic: _t, tag: _g, selector: _s, headers: _h, batch: _b, connection: _c, ...EXTRA_RULES } = LISTENER_RULES;

interface Parsed {
  readonly handler: RegisteredHandler;
  readonly where: string;
  readonly pattern: ParsedPattern;
  readonly options: PatternOptions;
  readonly group: string;
}

/** Checks the handlers and puts those of one pattern together; throws CONFIGURATION naming the pattern. */
export function defineHandlers(handlers: readonly RegisteredHandler[], world: HandlerWorld): HandlerDefinition[] {
  const found = new Map<string, Parsed[]>();
  for (const handler of handlers) {
    const parsed = parse(handler, world);
    const { topic, tag, selector, headers } = parsed.pattern;
    const key = JSON.stringify([parsed.group, topic, tag, selector, headers]);
    const others = found.get(key);
    if (others === undefined) found.set(key, [parsed]);
    else others.push(parsed);
  }
  const names = new Map<string, number>();
  return [...found.values()].map((same) => {
    const defined = define(same, world);
    const count = (names.get(defined.name) ?? 0) + 1;
    names.set(defined.name, count);
    return count === 1 ? defined : { ...defined, name: `${defined.name}#${count}` };
  });
}

function parse(handler: RegisteredHandler, world: HandlerWorld): Parsed {
  const decorator = handler.isEvent ? '@EventPattern' : '@MessagePattern';
  const pattern = parsePattern(handler.pattern, decorator);
  const where = `${decorator}(${JSON.stringify(pattern.text)})`;
  const extras = handler.extras ?? {};
  checkOptions(where, extras, EXTRA_RULES);
  const options = extras as PatternOptions;
  const group = named(where, () => checkedGroup(options.group ?? world.group, world.namespace));
  return { handler, where, pattern, options, group };
}

function define(same: readonly Parsed[], world: HandlerWorld): HandlerDefinition {
  const [{ where, pattern, group, handler }] = same as [Parsed];
  if (same.length > 1 && same.some((other) => !other.handler.isEvent)) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where} stands at ${same.length} methods in group ${group}, and a request has one answer: give the others another pattern or group`,
    );
  }
  const options = merge(same);
  const { mode = ConsumeMode.CONCURRENT, from = 'latest', delivery = 'at-least-once' } = options;
  const conflict = conflictOf({ ...options, mode });
  if (conflict !== undefined) {
    throw new MessagingError('CONFIGURATION', `${where}: the option ${conflict.option} ${conflict.why}`);
  }
  const { tag, selector, headers } = pattern;
  const filter = named(where, () => compileFilter({ tag, selector, headers: headers && structuredClone(headers) }));
  if (handler.isEvent) refuseForEvents(where, options);
  else refuseForRequests(where, tag, filter, mode);
  return {
    name: pattern.text,
    pattern: pattern.text,
    isEvent: handler.isEvent,
    connection: world.connection,
    group,
    topic: named(where, () => checkedTopic(pattern.topic, world.namespace)),
    filter,
    mode,
    from,
    delivery,
    settings: bindingSettings(options),
    callbacks: same.map((each) => each.handler.callback),
  };
}

/** All methods of a pattern and group get a message at once: how they do cannot differ. */
function merge(same: readonly Parsed[]): PatternOptions {
  const merged: Record<string, unknown> = {};
  for (const { options, where, group } of same) {
    for (const [option, value] of Object.entries(options)) {
      if (value === undefined) continue;
      if (option in merged && !areAlike(merged[option], value)) {
        throw new MessagingError(
          'CONFIGURATION',
          `${where} stands at several methods in group ${group}, which differ in ${option}: say it once, or give them different groups`,
        );
      }
      merged[option] = value;
    }
  }
  return merged as PatternOptions;
}

function areAlike(a: unknown, b: unknown): boolean {
  if (typeof a === 'function' || typeof b === 'function') return a === b;
  return JSON.stringify(a) === JSON.stringify(b);
}

function refuseForEvents(where: string, { retryRequests }: PatternOptions): void {
  if (retryRequests === undefined) return;
  throw new MessagingError(
    'CONFIGURATION',
    `${where}: retryRequests would do nothing, an event has no answer; use @MessagePattern for requests`,
  );
}

function refuseForRequests(where: string, tag: string | undefined, filter: MessageFilter, mode: ConsumeMode): void {
  const several = tag !== undefined && (filter.matchesAll || tag.includes('||'));
  if (!filter.plain || several) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: a request goes to "topic" or "topic:tag"; wildcards, several tags, selector and headers are for @EventPattern`,
    );
  }
  if (mode === ConsumeMode.BROADCAST) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: in broadcast mode every instance would answer the request; choose CONCURRENT or ORDERLY`,
    );
  }
}

function named<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new MessagingError('CONFIGURATION', `${where}: ${(cause as Error).message}`, { cause });
  }
}
