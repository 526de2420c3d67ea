import { MessagingError } from '../errors.js';
import { getProperty } from '../properties.js';
import type { FilterSpec } from './filter-spec.js';
import { headersExpression, headersText } from './headers.js';
import { alternativesOf, type Alternatives, couldMeet } from './overlap.js';
import { PropertySlots, type PropertyValues } from './property-values.js';
import { compileCondition, type Condition } from './sql/compile.js';
import { parseSql } from './sql/parser.js';
import type { Expression } from './sql/syntax.js';
import { parseTagPatterns, type TagFilter } from './tag.js';

/** Which messages one listener wants: by tag, and by properties (SQL92, or headers), compiled once. */
export class MessageFilter {
  /** For people: tags, headers or the selector, as it was written. */
  readonly expression: string;
  private readonly condition: Condition | undefined;
  private readonly values: TextValues | undefined;
  private alternatives: Alternatives | undefined;

  constructor(
    readonly spec: FilterSpec,
    readonly tags: TagFilter,
    /** What the properties must fulfil; undefined when any will do. */
    readonly properties: Expression | undefined,
  ) {
    this.expression = expressionOf(spec, tags);
    if (properties === undefined) return;
    const slots = new PropertySlots();
    this.condition = compileCondition(properties, slots);
    this.values = new TextValues(slots);
  }

  /** Whether it needs no more than a list of tags, which is all that RocketMQ's plain subscriptions can say. */
  get plain(): boolean {
    return this.condition === undefined && this.tags.patterns.length === 0;
  }

  get matchesAll(): boolean {
    return this.condition === undefined && this.tags.matchesAll;
  }

  /** @param properties Of the message, in wire form; `tag` is the one among them. */
  matches(tag: string | undefined, properties: string): boolean {
    if (!this.tags.matches(tag)) return false;
    return this.condition === undefined || this.condition(this.values!.of(properties)) === true;
  }

  /** False when it can be shown that no message passes both. */
  overlaps(other: MessageFilter): boolean {
    if (!this.tags.overlaps(other.tags)) return false;
    if (this.plain && other.plain) return true;
    this.alternatives ??= alternativesOf(this.tags, this.properties);
    other.alternatives ??= alternativesOf(other.tags, other.properties);
    return couldMeet(this.alternatives, other.alternatives);
  }
}

/** Throws BAD_ARGUMENT for what cannot be understood, or makes no sense together. */
export function compileFilter(spec: FilterSpec): MessageFilter {
  const { tag, selector, headers } = spec;
  if (selector !== undefined && (headers !== undefined || tag !== undefined)) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `A selector stands alone; write what ${tag === undefined ? 'the headers say' : 'the tag says (TAGS = …)'} into it.`,
    );
  }
  const tags = parseTagPatterns(tag);
  if (selector !== undefined) return new MessageFilter(spec, tags, parseSql(selector));
  return new MessageFilter(spec, tags, headers && headersExpression(headers));
}

function expressionOf({ selector, headers }: FilterSpec, tags: TagFilter): string {
  if (selector !== undefined) return selector;
  if (headers === undefined) return tags.expression;
  return tags.matchesAll ? headersText(headers) : `${tags.expression}, ${headersText(headers)}`;
}

class TextValues implements PropertyValues {
  private properties = '';

  constructor(private readonly slots: PropertySlots) {}

  of(properties: string): this {
    this.properties = properties;
    return this;
  }

  get(slot: number): string | undefined {
    return getProperty(this.properties, this.slots.names[slot]!);
  }
}
