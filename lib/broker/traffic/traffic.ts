import type { Clock } from '../../platform/index.js';
import type { BrokerStatsData } from '../../protocol/index.js';
import { Meter } from './meter.js';
import { type NumberedTopic, StoreCounts } from './store-counts.js';

/** Topics, and pairs of topic and group, beyond this are not counted one by one. */
const MOST_METERS = 50_000;
/** RocketMQ shows rates over ten seconds, one minute and ten minutes. */
const TEN_MINUTES = 600_000;
const RATES: readonly number[] = [10_000, 60_000, TEN_MINUTES];

type Shown = readonly [meter: Meter | undefined, what: 'messages' | 'bytes'];

/** A total that somebody else counts. */
export interface Followed {
  readonly meter: Meter;
  readonly total: () => number;
  /** What it was when the following began. */
  readonly start: number;
}

/** Totals as they were at midnight, local time. */
export interface Mornings {
  yesterday: number;
  today: number;
}

/** How much is sent to topics and read by groups. One sum per request, for a batch as for a single message. */
export class Traffic {
  readonly put: Meter;
  readonly got: Meter;
  readonly sentBack: Meter;
  /** Pulls that were answered with messages, and those with none. */
  readonly found: Meter;
  readonly missed: Meter;
  readonly putMornings: Mornings = { yesterday: 0, today: 0 };
  readonly gotMornings: Mornings = { yesterday: 0, today: 0 };
  private readonly followed: Followed[] = [];
  private readonly topics = new Map<string, Meter>();
  private readonly groups = new Map<string, Meter>();
  private readonly sentBackBy = new Map<string, Meter>();
  private readonly stores = new StoreCounts((name) => this.meterOf(this.topics, name));
  private today: number;

  constructor(private readonly clock: Clock) {
    const meter = (): Meter => new Meter(clock.monotonic(), TEN_MINUTES);
    this.put = meter();
    this.got = meter();
    this.sentBack = meter();
    this.found = meter();
    this.missed = meter();
    this.today = dayOf(clock.now());
  }

  stored(topic: NumberedTopic, messages: number, bytes: number): void {
    this.put.add(messages, bytes);
    this.stores.add(topic, messages, bytes);
  }

  delivered(group: string, topic: string, messages: number, bytes: number): void {
    this.got.add(messages, bytes);
    this.found.add(1, 0);
    this.meterOf(this.groups, keyOf(topic, group))?.add(messages, bytes);
  }

  gaveBack(group: string, topic: string): void {
    this.sentBack.add(1, 0);
    this.meterOf(this.sentBackBy, keyOf(topic, group))?.add(1, 0);
  }

  follow(total: () => number): Followed {
    const followed = { meter: new Meter(this.clock.monotonic()), total, start: total() };
    this.followed.push(followed);
    return followed;
  }

  /** Per second, within the last minute. */
  rateOf(followed: Followed): string {
    catchUp(followed);
    return String(followed.meter.minute(this.clock.monotonic()).tps);
  }

  /** Messages per second that were sent to the topic within the last minute. */
  topicRate(topic: string): number {
    return this.topicMeter(topic)?.minute(this.clock.monotonic()).tps ?? 0;
  }

  /** Messages per second that the group was given of the topic within the last minute. */
  groupRate(group: string, topic: string): number {
    return this.groups.get(keyOf(topic, group))?.minute(this.clock.monotonic()).tps ?? 0;
  }

  /** As RocketMQ writes three rates. */
  rates(...meters: readonly Meter[]): string {
    const now = this.clock.monotonic();
    return RATES.map((millis) => String(meters.reduce((sum, meter) => sum + meter.rate(now, millis), 0))).join(' ');
  }

  /** By RocketMQ's name of the figure; undefined when nothing has been counted under it. */
  stats(name: string, key: string): BrokerStatsData | undefined {
    const [meter, what] = this.shown(name, key) ?? [];
    if (meter === undefined || what === undefined) return undefined;
    const now = this.clock.monotonic();
    return { statsMinute: meter.minute(now, what), statsHour: meter.hour(now, what), statsDay: meter.day(now, what) };
  }

  /** What a deleted topic had does not count for its successor. */
  forgetTopic(topic: string): void {
    this.stores.forget(topic);
    this.topics.delete(topic);
    for (const meters of [this.groups, this.sentBackBy]) {
      for (const key of meters.keys()) if (key.startsWith(`${topic}@`)) meters.delete(key);
    }
  }

  /** Called every ten seconds. */
  sample(): void {
    const at = this.clock.monotonic();
    this.stores.settleAll();
    for (const meter of [this.put, this.got, this.sentBack, this.found, this.missed]) meter.sample(at);
    for (const meters of [this.topics, this.groups, this.sentBackBy]) {
      for (const meter of meters.values()) meter.sample(at);
    }
    for (const followed of this.followed) {
      catchUp(followed);
      followed.meter.sample(at);
    }
    const day = dayOf(this.clock.now());
    if (day === this.today) return;
    this.today = day;
    for (const [mornings, meter] of [
      [this.putMornings, this.put],
      [this.gotMornings, this.got],
    ] as const) {
      mornings.yesterday = mornings.today;
      mornings.today = meter.messages;
    }
  }

  private shown(name: string, key: string): Shown | undefined {
    switch (name) {
      case 'TOPIC_PUT_NUMS':
        return [this.topicMeter(key), 'messages'];
      case 'TOPIC_PUT_SIZE':
        return [this.topicMeter(key), 'bytes'];
      case 'GROUP_GET_NUMS':
        return [this.groups.get(key), 'messages'];
      case 'GROUP_GET_SIZE':
        return [this.groups.get(key), 'bytes'];
      case 'SNDBCK_PUT_NUMS':
        return [this.sentBackBy.get(key), 'messages'];
      case 'BROKER_PUT_NUMS':
        return [this.put, 'messages'];
      case 'BROKER_GET_NUMS':
        return [this.got, 'messages'];
      default:
        return undefined;
    }
  }

  private topicMeter(topic: string): Meter | undefined {
    this.stores.settle(topic);
    return this.topics.get(topic);
  }

  private meterOf(meters: Map<string, Meter>, key: string): Meter | undefined {
    let meter = meters.get(key);
    if (meter === undefined && meters.size < MOST_METERS) meters.set(key, (meter = new Meter(this.clock.monotonic())));
    return meter;
  }
}

function catchUp({ meter, total, start }: Followed): void {
  meter.messages = total() - start;
  // Points are kept of what changes.
  meter.times = meter.messages;
}

/** RocketMQ's spelling. */
function keyOf(topic: string, group: string): string {
  return `${topic}@${group}`;
}

function dayOf(time: number): number {
  return new Date(time).getDate();
}
