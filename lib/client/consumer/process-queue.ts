import {
  isDeadLetterTopic,
  messageQueueKey,
  type MessageQueue,
  type MessageRecord,
  type MessagingError,
} from '../../protocol/index.js';
import type { Listener } from './listener-table.js';
import type { DeliveryView } from './received-message.js';
import type { Suspicion } from '../dispatch/suspicion.js';
import { isRequest } from '../requests/is-request.js';
import { expiryOf } from '../settle/expiry.js';

/** A fetched message on its way through the client. Mutable and never shown to users; one shape, made per message. */
export class Delivery implements DeliveryView {
  settled = false;
  /** Milliseconds since 1970; 0 while it has not failed. Known to orderly queues, which try again themselves. */
  firstFailedAt = 0;
  attempt: number;
  /** How often its listener has put it off. */
  postponed = 0;
  /** Somebody waits for a reply, and this listener gives one. */
  readonly isRequest: boolean;
  /** Milliseconds since 1970; 0: never. */
  readonly expiresAt: number;

  constructor(
    readonly queue: ProcessQueue,
    readonly record: MessageRecord,
    readonly topic: string,
    readonly properties: string,
    readonly body: Buffer,
    readonly queueOffset: number,
    readonly listener: Listener | undefined,
    /** Why the message cannot be given to its listener at all. */
    readonly fault: MessagingError | undefined,
  ) {
    this.attempt = this.retries + 1;
    // Nobody waits for what is in the dead letters; whoever listens to them handles them as any other message.
    const answers = !queue.holdsDeadLetters && listener?.binding.answers !== false;
    this.isRequest = answers && isRequest(properties);
    this.expiresAt = expiryOf(topic, properties);
  }

  /** Retries that the group has had through the broker. What a dead letter counts are those of the group that gave it up. */
  get retries(): number {
    return this.queue.holdsDeadLetters ? 0 : this.record.reconsumeTimes;
  }

  get brokerName(): string {
    return this.queue.brokerName;
  }
}

/** Where pulling a queue stops until handlers catch up. */
export const FLOW_LIMITS = { messages: 1000, bytes: 100 * 1024 * 1024, span: 2000 } as const;

/** Settled entries at the front that are kept before the array is shortened. */
const COMPACT_AFTER = 512;

/** One queue that this member owns: what is fetched from it, and how far it is settled. */
export class ProcessQueue implements MessageQueue {
  readonly topic: string;
  readonly brokerName: string;
  readonly queueId: number;
  readonly key: string;
  readonly holdsDeadLetters: boolean;
  /** Where the next pull begins. */
  nextOffset: number;
  /** The broker that the master suggests to read from; 0 is itself. */
  suggestedBrokerId = 0;
  /** Position that was last given to the store of offsets. */
  persistedOffset: number;
  /** When a pull was last answered, and when a message was last found settled; milliseconds since 1970, 0 for never. */
  lastPullAt = 0;
  lastSettledAt = 0;
  private settledCount = 0;
  private settledBefore = 0;
  /** Pulls that failed in a row. */
  failures = 0;
  /** The broker said that there is no such topic: should one come back, this queue's position is not its. */
  topicGone = false;
  /** The group was moved to another position by order: ours is not to be stored any more. */
  isMoved = false;
  /** Where to, when storing it is left to the members, as Apache's broker does. */
  movedTo: number | undefined;
  /** Handlers under way, and outcomes under way to the broker. */
  private busy = 0;
  private buffered = 0;
  private bufferedBytes = 0;
  /** In order of offsets, from `head` on; the settled ones at the front are gone. */
  private entries: Delivery[] = [];
  private head = 0;
  private readonly stop = new AbortController();
  private readonly abort = new AbortController();
  private isDropped = false;
  private whenRoom: (() => void) | undefined;
  private whenIdle: (() => void)[] = [];

  constructor(
    queue: MessageQueue,
    offset: number,
    /** Whether a straggler holds up pulling once the others are far ahead; orderly queues have none. */
    private readonly limitSpan: boolean,
    /** What is held against its first messages. */
    public suspicion?: Suspicion,
  ) {
    this.topic = queue.topic;
    this.brokerName = queue.brokerName;
    this.queueId = queue.queueId;
    this.key = messageQueueKey(queue);
    this.holdsDeadLetters = isDeadLetterTopic(queue.topic);
    this.nextOffset = offset;
    this.persistedOffset = offset;
  }

  /** Fires when nothing more is pulled and no further handler starts. */
  get stopping(): AbortSignal {
    return this.stop.signal;
  }

  get draining(): boolean {
    return this.stop.signal.aborted;
  }

  /** For handlers: fires when the queue's messages may go to another member. */
  get handlerSignal(): AbortSignal {
    return this.abort.signal;
  }

  /** The queue is no longer ours: outcomes count for nothing now. */
  get dropped(): boolean {
    return this.isDropped;
  }

  get size(): number {
    return this.buffered;
  }

  /** Of what is fetched and not settled. */
  get bytes(): number {
    return this.bufferedBytes;
  }

  /** Called every few seconds, instead of a look at the clock for each message. */
  noteSettled(now: number): void {
    if (this.settledCount !== this.settledBefore) this.lastSettledAt = now;
    this.settledBefore = this.settledCount;
  }

  /** The smallest offset that is not settled: where this or another member goes on. */
  get committedOffset(): number {
    const first = this.entries[this.head];
    return first === undefined ? this.nextOffset : first.queueOffset;
  }

  /** When the broker stored the oldest message that is fetched and not settled; undefined when none is. */
  get oldestStoredAt(): number | undefined {
    return this.entries[this.head]?.record.storeTimestamp;
  }

  /** Whether the message may have killed a process. */
  suspects(delivery: Delivery): boolean {
    return this.suspicion !== undefined && delivery.queueOffset < this.suspicion.until;
  }

  append(deliveries: readonly Delivery[], nextOffset: number): void {
    for (const delivery of deliveries) {
      this.entries.push(delivery);
      this.bufferedBytes += delivery.body.length;
    }
    this.buffered += deliveries.length;
    this.nextOffset = nextOffset;
  }

  complete(delivery: Delivery): void {
    if (delivery.settled) return;
    delivery.settled = true;
    this.settledCount++;
    this.buffered--;
    this.bufferedBytes -= delivery.body.length;
    while (this.entries[this.head]?.settled === true) this.head++;
    if (this.head === this.entries.length) {
      this.entries = [];
      this.head = 0;
    } else if (this.head > COMPACT_AFTER && this.head * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
    if (this.whenRoom !== undefined && !this.full) this.leaveRoom();
  }

  get full(): boolean {
    if (this.buffered >= FLOW_LIMITS.messages || this.bufferedBytes >= FLOW_LIMITS.bytes) return true;
    return this.limitSpan && this.buffered > 0 && this.nextOffset - this.committedOffset >= FLOW_LIMITS.span;
  }

  /** Resolves when there is room again, or pulling is over. */
  room(): Promise<void> {
    if (!this.full || this.draining) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenRoom = resolve;
    });
  }

  begin(): void {
    this.busy++;
  }

  end(): void {
    if (--this.busy > 0 || this.whenIdle.length === 0) return;
    const waiting = this.whenIdle;
    this.whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when no handler of this queue runs and no outcome is under way. */
  idle(): Promise<void> {
    if (this.busy === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** Deliveries whose handler runs, or whose outcome is on its way to the broker. */
  get inFlight(): number {
    return this.busy;
  }

  get isBusy(): boolean {
    return this.busy > 0;
  }

  /** No more pulls, no more handlers; those under way go on and count. */
  drain(): void {
    this.stop.abort();
    this.leaveRoom();
  }

  /** Handlers that still run are told that their message may be handled elsewhere. */
  drop(): void {
    this.isDropped = true;
    this.drain();
    if (this.isBusy) this.abort.abort();
  }

  private leaveRoom(): void {
    const resolve = this.whenRoom;
    this.whenRoom = undefined;
    resolve?.();
  }
}
