import { MessagingError } from '../errors.js';
import { javaHashCode } from '../java-hash.js';
import { isTagPattern, TagPattern } from './tag-pattern.js';

const ALL = '*';

/** Which tags a subscription takes. */
export class TagFilter {
  /** Java hash codes of the plain tags: what the broker compares, so it may let a stranger pass. */
  readonly codes: ReadonlySet<number>;
  readonly matchesAll: boolean;
  private readonly names: ReadonlySet<string>;

  constructor(
    /** `*` or `a || b`, in its normal spelling. */
    readonly expression: string,
    /** Without the patterns. */
    readonly tags: readonly string[],
    /** Hash codes do not tell which tags match them: the tag itself is needed. */
    readonly patterns: readonly TagPattern[] = [],
  ) {
    this.matchesAll = tags.length === 0 && patterns.length === 0;
    this.names = new Set(tags);
    this.codes = new Set(tags.map(javaHashCode));
  }

  matchesCode(code: number): boolean {
    return this.matchesAll || this.codes.has(code);
  }

  /** The last word: by the tag itself. A message without a tag passes only the filter that takes all. */
  matches(tag: string | undefined): boolean {
    if (this.matchesAll) return true;
    return tag !== undefined && (this.names.has(tag) || this.patterns.some((pattern) => pattern.matches(tag)));
  }

  /** Whether some message could pass both filters. */
  overlaps(other: TagFilter): boolean {
    return (
      this.matchesAll ||
      other.matchesAll ||
      this.tags.some((tag) => other.matches(tag)) ||
      other.tags.some((tag) => this.matches(tag)) ||
      this.patterns.some((pattern) => other.patterns.some((rival) => pattern.overlaps(rival)))
    );
  }
}

/**
 * RocketMQ's tag expression, without wildcards: `a || b`, one tag, or `*` (also: nothing) for all. Throws BAD_ARGUMENT for
 * an expression without a tag.
 */
export function parseTagExpression(expression?: string): TagFilter {
  const tags = tagsOf(expression);
  return tags === undefined ? new TagFilter(ALL, []) : new TagFilter(tags.join(' || '), tags);
}

/** The same, with `order.*.paid` and `order.#` as patterns; `#` alone is `*`. */
export function parseTagPatterns(expression?: string): TagFilter {
  const tags = expression?.trim() === '#' ? undefined : tagsOf(expression);
  if (tags === undefined) return new TagFilter(ALL, []);
  for (const tag of tags) checkWildcards(tag);
  return new TagFilter(
    tags.join(' || '),
    tags.filter((tag) => !isTagPattern(tag)),
    tags.filter(isTagPattern).map((tag) => new TagPattern(tag)),
  );
}

/** Undefined for all. */
function tagsOf(expression: string | undefined): string[] | undefined {
  const trimmed = expression?.trim() ?? '';
  if (trimmed === '' || trimmed === ALL) return undefined;
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
  return tags;
}

/** `ord*` is surely meant as a wildcard, and would match nothing. */
function checkWildcards(tag: string): void {
  if (tag === '#') {
    throw new MessagingError('BAD_ARGUMENT', 'A tag expression has "#" among tags; write "*" alone for all.');
  }
  const word = tag.split('.').find((part) => part !== ALL && part.includes(ALL));
  if (word === undefined) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `The tag ${JSON.stringify(tag)} has a "*" inside of the word ${JSON.stringify(word)}; a wildcard stands for a whole word, as in "order.*.paid".`,
  );
}
