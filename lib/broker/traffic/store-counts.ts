import type { TopicConfig } from '../../store/index.js';
import type { Meter } from './meter.js';

export type NumberedTopic = Pick<TopicConfig, 'name' | 'number'>;

/** Messages, bytes and requests of a topic stand side by side. */
const WIDTH = 3;
/** Topics with higher numbers, of which most have been deleted by then, are counted where they are shown, at once. */
const MOST_NUMBERS = 65_536;
const FIRST_NUMBERS = 64;

interface Counted {
  readonly number: number;
  readonly meter: Meter;
}

/**
 * What has been stored since the topics' meters were looked at. One meter a topic is some objects, which with ten thousand
 * topics are in none of the processor's caches; this is 24 bytes a topic, found by its number.
 */
export class StoreCounts {
  private counts = new Float64Array(FIRST_NUMBERS * WIDTH);
  private readonly byNumber: (Meter | undefined)[] = [];
  private readonly byName = new Map<string, Counted>();

  /** @param meterOf undefined for one topic too many. */
  constructor(private readonly meterOf: (topic: string) => Meter | undefined) {}

  add({ name, number }: NumberedTopic, messages: number, bytes: number): void {
    const meter = this.byNumber[number] ?? this.first(name, number);
    if (meter === undefined) return;
    const { counts } = this;
    const at = number * WIDTH;
    if (at >= counts.length) {
      meter.add(messages, bytes);
      return;
    }
    counts[at]! += messages;
    counts[at + 1]! += bytes;
    counts[at + 2]!++;
  }

  /** Hands on what has come for the topic. */
  settle(topic: string): void {
    const counted = this.byName.get(topic);
    if (counted !== undefined) this.handOn(counted);
  }

  settleAll(): void {
    for (const counted of this.byName.values()) this.handOn(counted);
  }

  /** What is left of it counts for nobody. */
  forget(topic: string): void {
    const counted = this.byName.get(topic);
    if (counted === undefined) return;
    this.handOn(counted);
    this.byName.delete(topic);
    this.byNumber[counted.number] = undefined;
  }

  private first(name: string, number: number): Meter | undefined {
    const meter = this.meterOf(name);
    if (meter === undefined) return undefined;
    // Of a message to the topic's predecessor that was stored late.
    this.settle(name);
    if (number < MOST_NUMBERS && number * WIDTH >= this.counts.length) this.grow(number + 1);
    this.byNumber[number] = meter;
    this.byName.set(name, { number, meter });
    return meter;
  }

  private grow(numbers: number): void {
    const larger = new Float64Array(
      Math.min(MOST_NUMBERS, Math.max(numbers, (2 * this.counts.length) / WIDTH)) * WIDTH,
    );
    larger.set(this.counts);
    this.counts = larger;
  }

  private handOn({ number, meter }: Counted): void {
    const { counts } = this;
    const at = number * WIDTH;
    if (at >= counts.length || counts[at + 2] === 0) return;
    meter.add(counts[at]!, counts[at + 1]!, counts[at + 2]!);
    counts.fill(0, at, at + WIDTH);
  }
}
