import { readUint16 } from '../int64.js';
import { PropertyName } from '../property-names.js';
import { topicLengthPosition, topicLengthWidth } from '../record/fields.js';
import type { FilterSpec } from './filter-spec.js';
import { compileFilter, type MessageFilter } from './message-filter.js';
import { PropertySlots, type PropertyValues } from './property-values.js';
import { compileCondition } from './sql/compile.js';

/** Tests a stored record that begins at `at`. */
export type RecordTest = (bytes: Buffer, at: number) => boolean;

/** What a broker needs to know of the messages that a subscription takes. */
export interface RecordFilter {
  /** Hash codes that the tag must have; undefined when the tag's code does not tell. */
  readonly codes: ReadonlySet<number> | undefined;
  /** The last word of the broker; undefined when there is nothing beyond the codes. */
  readonly test: RecordTest | undefined;
}

/** Takes what any of the filters takes. Throws BAD_ARGUMENT naming the first that is not understood. */
export function compileRecordFilter(specs: readonly FilterSpec[]): RecordFilter {
  const filters = specs.map(compileFilter);
  if (filters.some((filter) => filter.matchesAll)) return { codes: undefined, test: undefined };
  return { codes: codesOf(filters), test: filters.every((filter) => filter.plain) ? undefined : testOf(filters) };
}

function codesOf(filters: readonly MessageFilter[]): ReadonlySet<number> | undefined {
  const codes = new Set<number>();
  for (const { tags } of filters) {
    if (tags.matchesAll || tags.patterns.length > 0) return undefined;
    for (const code of tags.codes) codes.add(code);
  }
  return codes;
}

function testOf(filters: readonly MessageFilter[]): RecordTest {
  const slots = new PropertySlots();
  const tagSlot = filters.some(({ tags }) => !tags.matchesAll) ? slots.numberOf(PropertyName.TAGS) : undefined;
  const tests = filters.map(({ tags, properties }) => ({
    tags,
    condition: properties && compileCondition(properties, slots),
  }));
  const values = new RecordValues(slots);
  return (bytes, at) => {
    values.read(bytes, at);
    const tag = tagSlot === undefined ? undefined : values.get(tagSlot);
    // One that fails to evaluate does not keep the others from matching.
    const passes = tests.some(
      ({ tags, condition }) => tags.matches(tag) && (condition === undefined || condition(values) === true),
    );
    values.forget();
    return passes;
  };
}

const NOTHING = Buffer.alloc(0);
const END = 0x02;
const NAME_VALUE = 0x01;

/**
 * The wanted properties of a record, found by one pass over its bytes and decoded only when they are asked for. Reads
 * as tolerantly as `decodeProperties`.
 */
class RecordValues implements PropertyValues {
  private readonly names: readonly Buffer[];
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  private bytes: Buffer = NOTHING;

  constructor(slots: PropertySlots) {
    this.names = slots.names.map((name) => Buffer.from(name));
    this.starts = new Int32Array(this.names.length);
    this.ends = new Int32Array(this.names.length);
  }

  read(bytes: Buffer, at: number): void {
    this.bytes = bytes;
    this.starts.fill(-1);
    const topicAt = topicLengthPosition(bytes, at);
    const width = topicLengthWidth(bytes, at);
    const lengthAt = topicAt + width + (width === 2 ? readUint16(bytes, topicAt) : bytes[topicAt]!);
    const end = lengthAt + 2 + readUint16(bytes, lengthAt);
    let start = lengthAt + 2;
    let separator = -1;
    for (let i = start; i <= end; i++) {
      const byte = i === end ? END : bytes[i]!;
      if (byte === NAME_VALUE) {
        if (separator < 0) separator = i;
      } else if (byte === END) {
        if (separator > start && separator < i - 1) this.note(start, separator, i);
        start = i + 1;
        separator = -1;
      }
    }
  }

  /** Lets go of the bytes: they are a view of memory that is larger by far. */
  forget(): void {
    this.bytes = NOTHING;
  }

  get(slot: number): string | undefined {
    const start = this.starts[slot]!;
    return start < 0 ? undefined : this.bytes.toString('utf8', start, this.ends[slot]);
  }

  private note(start: number, separator: number, end: number): void {
    const { names, bytes } = this;
    for (let slot = 0; slot < names.length; slot++) {
      const name = names[slot]!;
      if (name.length !== separator - start) continue;
      let same = 0;
      while (same < name.length && name[same] === bytes[start + same]) same++;
      if (same < name.length) continue;
      this.starts[slot] = separator + 1;
      this.ends[slot] = end;
      return;
    }
  }
}
