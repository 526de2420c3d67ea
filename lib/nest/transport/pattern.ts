import { MessagingError } from '../../protocol/index.js';
import type { MessageListenerOptions } from '../decorators/index.js';
import { checkOptions } from '../options/index.js';
import { LISTENER_RULES } from '../listeners/listener-rules.js';
import { describeValue } from '../payload/index.js';

/** What a handler is called for, where `topic:tag` is not enough. @publicApi */
export type PatternObject = Pick<MessageListenerOptions, 'topic' | 'tag' | 'selector' | 'headers'>;

/** Everything else that a handler can be told: the second argument of the decorator. @publicApi */
export type PatternOptions = Omit<MessageListenerOptions, keyof PatternObject | 'batch' | 'connection'>;

/** @publicApi */
export type MessagingPattern = string | PatternObject;

/** A pattern as it was written, taken apart. */
export interface ParsedPattern extends PatternObject {
  /** As it is shown. */
  readonly text: string;
}

const { topic, tag, selector, headers } = LISTENER_RULES;
const OBJECT_RULES = { topic: topic!, tag: tag!, selector: selector!, headers: headers! };

/** Throws CONFIGURATION for what is neither `topic`, `topic:tag` nor `{ topic, tag, selector, headers }`. */
export function parsePattern(pattern: unknown, decorator: string): ParsedPattern {
  if (typeof pattern === 'string') {
    const colon = pattern.indexOf(':');
    const found =
      colon < 0 ? { topic: pattern } : { topic: pattern.slice(0, colon), tag: pattern.slice(colon + 1).trim() };
    if (found.topic !== '' && found.tag !== '') return { ...found, text: pattern };
    throw new MessagingError(
      'CONFIGURATION',
      `${decorator}(${describeValue(pattern)}): a pattern is "topic" or "topic:tag", and neither may be empty`,
    );
  }
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) {
    throw new MessagingError(
      'CONFIGURATION',
      `${decorator}: a pattern is "topic", "topic:tag" or { topic, tag, selector, headers }, not ${describeValue(pattern)}`,
    );
  }
  const where = `${decorator}(${JSON.stringify(pattern)})`;
  checkOptions(`${where} (group, mode and so on belong into its second argument)`, pattern, OBJECT_RULES);
  const object = pattern as PatternObject;
  if (object.topic === undefined) throw new MessagingError('CONFIGURATION', `${where} names no topic`);
  return { ...object, text: textOf(object) };
}

function textOf(pattern: PatternObject): string {
  const { topic: name, tag: tags, selector: sql, headers: properties } = pattern;
  const parts = [tags, sql, properties && JSON.stringify(properties)].filter((part) => part !== undefined);
  return parts.length === 0 ? name : `${name}:${parts.join(' & ')}`;
}
