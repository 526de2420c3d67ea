import type { SubscriptionData } from '../bodies/heartbeat.js';
import { MessagingError } from '../errors.js';
import { javaHashCode } from '../java-hash.js';

const ALL = '*';

/** Which tags a subscription takes. */
export class TagFilter {
  /** Java hash codes of the tags: what the broker compares, so it may let a stranger pass. */
  readonly codes: ReadonlySet<number>;
  readonly matchesAll: boolean;
  private readonly names: ReadonlySet<string>;

  constructor(
    /** `*` or `a || b`, in its normal spelling. */
    readonly expression: string,
    readonly tags: readonly string[],
  ) {
    this.matchesAll = tags.length === 0;
    this.names = new Set(tags);
    this.codes = new Set(tags.map(javaHashCode));
  }

  matchesCode(code: number): boolean {
    return this.matchesAll || this.codes.has(code);
  }

  /** The last word: by the tag itself. A message without a tag passes only the filter that takes all. */
  matches(tag: string | undefined): boolean {
    return this.matchesAll || (tag !== undefined && this.names.has(tag));
  }

  /** Whether some message could pass both filters. */
  overlaps(other: TagFilter): boolean {
    return this.matchesAll || other.matchesAll || this.tags.some((tag) => other.names.has(tag));
  }
}

/** `a || b`, one tag, or `*` (also: nothing) for all. Throws BAD_ARGUMENT for an expression without a tag. */
export function parseTagExpression(expression?: string): TagFilter {
  const trimmed = expression?.trim() ?? '';
  if (trimmed === '' || trimmed === ALL) {
    return new TagFilter(ALL, []);
  }
  const tags = [...new Set(trimmed.split('||').map((tag) => tag.trim()))].filter((tag) => tag !== '');
  if (tags.length === 0) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The tag expression ${JSON.stringify(expression)} names no tag; write "a || b" or "*".`,
    );
  }
  if (tags.includes(ALL)) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The tag expression ${JSON.stringify(expression)} has "*" among tags; write "*" alone.`,
    );
  }
  return new TagFilter(tags.join(' || '), tags);
}

/** What a heartbeat says of one subscription. `version`: milliseconds since 1970, raised with every change. */
export function buildSubscriptionData(
  topic: string,
  expression: string | undefined,
  version: number,
): SubscriptionData {
  const filter = parseTagExpression(expression);
  return {
    topic,
    subString: filter.expression,
    tagsSet: [...filter.tags],
    codeSet: [...filter.codes],
    subVersion: version,
    expressionType: 'TAG',
    classFilterMode: false,
  };
}
