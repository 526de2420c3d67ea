import type { Clock } from '../platform/index.js';
import { getProperty, javaHashCode, MessagingError, PropertyName } from '../protocol/index.js';
import type { MessageStore, TopicConfig } from '../store/index.js';

/** A longer hold would outlive too long whoever asked for it. */
const LONGEST_HOLD = 30_000;

interface Hold {
  readonly id: string;
  /** Log offset in front of which all lies that was accepted before. */
  readonly logEnd: number;
  /** Monotonic milliseconds. */
  until: number;
}

/**
 * What keeps keys in order while they are spread over more queues: sends with a key are refused until all that was sent
 * before is settled, and afterwards those of a producer that still hashes over the old number of queues.
 *
 * Holds are not written down. A broker that restarts has none; the switch that needs it is refused then.
 */
export class KeyHolds {
  private readonly holds = new Map<string, Hold>();

  constructor(
    private readonly store: MessageStore,
    private readonly clock: Clock,
  ) {}

  /** Whether sends to the topic have to be looked at; nearly never. */
  watches(topic: TopicConfig): boolean {
    return topic.keysSpread === true || (this.holds.size > 0 && this.live(topic.name) !== undefined);
  }

  /** Throws QUEUE_UNAVAILABLE, which is worth another try with a fresh route, for a message that must not be stored now. */
  check(topic: TopicConfig, queueId: number, properties: string): void {
    const key = getProperty(properties, PropertyName.SHARDING_KEY);
    if (key === undefined || key === '') return;
    if (this.live(topic.name) !== undefined) {
      throw new MessagingError(
        'QUEUE_UNAVAILABLE',
        `The keys of topic ${topic.name} are being spread over more queues, and wait for what was sent before; send again in a moment.`,
      );
    }
    if (topic.keysSpread !== true || Math.abs(javaHashCode(key) % topic.orderedQueues) === queueId) return;
    throw new MessagingError(
      'QUEUE_UNAVAILABLE',
      `Queue ${queueId} of topic ${topic.name} is not that of the message's key any more: keys go over ${topic.orderedQueues} queues. ` +
        'Refresh the route and send again.',
    );
  }

  /** @throws MessagingError BROKER_BUSY while another one holds the keys. */
  begin(topic: string, id: string, millis: number): void {
    const other = this.live(topic);
    if (other !== undefined && other.id !== id) {
      throw new MessagingError('BROKER_BUSY', `The keys of topic ${topic} are being spread already; try again later.`);
    }
    const logEnd = this.store.health().appendOffset;
    this.holds.set(topic, { id, logEnd, until: this.clock.monotonic() + bounded(millis) });
  }

  /** @throws MessagingError BROKER_BUSY when the hold has lapsed: keyed messages may have come in meanwhile. */
  prolong(topic: string, id: string, millis: number): void {
    this.own(topic, id).until = this.clock.monotonic() + bounded(millis);
  }

  /** Until `end`. */
  keep(topic: string, id: string): void {
    this.own(topic, id).until = Number.POSITIVE_INFINITY;
  }

  end(topic: string, id: string): void {
    if (this.holds.get(topic)?.id === id) this.holds.delete(topic);
  }

  /** Whether all that was accepted before the hold can be read. */
  settled(topic: string, id: string): boolean {
    return this.store.visibleOffset >= this.own(topic, id).logEnd;
  }

  private own(topic: string, id: string): Hold {
    const hold = this.live(topic);
    if (hold?.id === id) return hold;
    throw new MessagingError(
      'BROKER_BUSY',
      `The keys of topic ${topic} are not held any more: it took too long, or the broker was restarted. They are where they were; begin again.`,
    );
  }

  private live(topic: string): Hold | undefined {
    const hold = this.holds.get(topic);
    if (hold === undefined || this.clock.monotonic() < hold.until) return hold;
    this.holds.delete(topic);
    return undefined;
  }
}

function bounded(millis: number): number {
  return Math.min(Math.max(0, millis), LONGEST_HOLD);
}
