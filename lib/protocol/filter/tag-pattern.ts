import { MessagingError } from '../errors.js';

const ONE = '*';
const MANY = '#';
/** Words of a pattern. Two patterns are compared word by word, all against all. */
const MOST_WORDS = 64;
/** Outcomes that are remembered: tags are few, and to look one up costs a tenth of taking it apart. */
const REMEMBERED = 1_024;

/**
 * A tag of words with wildcards, as topic exchanges have them: words are parted by dots, `*` stands for one word, `#` for
 * any number of them, none included. `order.*.paid`, `order.#`.
 */
export class TagPattern {
  private readonly words: readonly string[];
  private readonly known = new Map<string, boolean>();

  /** Throws BAD_ARGUMENT for more than 64 words. */
  constructor(readonly text: string) {
    this.words = text.split('.');
    if (this.words.length > MOST_WORDS) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The tag pattern ${JSON.stringify(text.slice(0, 60))}… has ${this.words.length} words; ${MOST_WORDS} are allowed.`,
      );
    }
  }

  matches(tag: string): boolean {
    let outcome = this.known.get(tag);
    if (outcome === undefined) {
      outcome = matchesWords(this.words, tag.split('.'));
      if (this.known.size >= REMEMBERED) this.known.clear();
      this.known.set(tag, outcome);
    }
    return outcome;
  }

  /** Whether some tag matches both. */
  overlaps(other: TagPattern): boolean {
    return overlapOf(this.words, other.words);
  }
}

/** Whether a tag of an expression is a pattern: one of its words is a wildcard. In `C#` the `#` is a letter. */
export function isTagPattern(tag: string): boolean {
  return tag.split('.').some((word) => word === ONE || word === MANY);
}

function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  let at = 0;
  let word = 0;
  // Where the last `#` stands, and up to which word it reaches; when the rest does not fit it takes one word more.
  let many = -1;
  let reached = 0;
  while (word < words.length) {
    const wanted = pattern[at];
    if (wanted === MANY) {
      many = at++;
      reached = word;
    } else if (wanted !== undefined && (wanted === ONE || wanted === words[word])) {
      at++;
      word++;
    } else if (many >= 0) {
      at = many + 1;
      word = ++reached;
    } else {
      return false;
    }
  }
  while (pattern[at] === MANY) at++;
  return at === pattern.length;
}

function overlapOf(a: readonly string[], b: readonly string[]): boolean {
  // possible[j]: whether the words of `a` read so far and the first j of `b` have a tag in common.
  let possible = [true, ...b.map((_, j) => b.slice(0, j + 1).every((word) => word === MANY))];
  for (const word of a) {
    const next = [word === MANY && possible[0]!];
    for (let j = 1; j <= b.length; j++) {
      const other = b[j - 1]!;
      // A `#` takes in nothing, or the word that the other one has there.
      if (word === MANY || other === MANY) next[j] = possible[j]! || next[j - 1]!;
      else next[j] = (word === other || word === ONE || other === ONE) && possible[j - 1]!;
    }
    possible = next;
  }
  return possible[b.length]!;
}
