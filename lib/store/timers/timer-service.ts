import type { Platform, Timer } from '../../platform/index.js';
import { MessagingError, type MessageRecord } from '../../protocol/index.js';
import type { TopicTable } from '../state/topic-table.js';
import type { LogAppender, LogReader } from '../types.js';
import { deliveryOf, drop, type Delivery } from './timer-delivery.js';
import type { TimerIndex } from './timer-index.js';

/** One batch: so many timers, or so many bytes, are read before they are appended together. */
const BATCH = 1_024;
const BATCH_BYTES = 8 * 1024 * 1024;
/** No longer sleep than this, so that a wall clock that jumps ahead (or a machine that was suspended) is noticed. */
const LONGEST_SLEEP_MILLIS = 60_000;
const FIRST_RETRY_MILLIS = 100;
const LONGEST_RETRY_MILLIS = 5_000;

export interface TimerStats {
  /** Waiting or being delivered. */
  readonly pending: number;
  /** Since the start of this process. */
  readonly delivered: number;
  readonly deadLettered: number;
  readonly dropped: number;
  /** Wall time of the next delivery, in milliseconds; Infinity when nothing waits. */
  readonly nextDueAt: number;
  /** Why deliveries have come to a standstill; undefined while they have not. */
  readonly stalled: string | undefined;
}

interface Due {
  offset: number;
  time: number;
}

/**
 * Delivers timers when the wall clock has reached their time, never before, in the order of time and then of the log.
 *
 * A delivery is one appended record that names the parked one; seeing it in the log is what settles the timer. So a
 * crash before it is durable delivers it again, a crash after it does not, and a clock that is set back finds nothing
 * left to deliver twice.
 */
export class TimerService {
  private running = false;
  private pump: Promise<void> | undefined;
  private timer: Timer | undefined;
  private wakeAt = Infinity;
  private woken = false;
  private retryMillis = FIRST_RETRY_MILLIS;
  private stalledBy: string | undefined;
  private readonly counts = { delivered: 0, deadLettered: 0, dropped: 0 };

  constructor(
    readonly index: TimerIndex,
    private readonly log: LogAppender & Pick<LogReader, 'recordAt' | 'visibleOffset'>,
    private readonly topics: Pick<TopicTable, 'get' | 'create'>,
    private readonly platform: Platform,
  ) {}

  get stats(): TimerStats {
    return {
      pending: this.index.pending,
      ...this.counts,
      nextDueAt: this.index.heap.nextTime,
      stalled: this.stalledBy,
    };
  }

  get pending(): number {
    return this.index.pending;
  }

  /** Begins to deliver; call it once the log can be appended to and the index has seen all of it. */
  start(): void {
    if (this.running) return;
    this.running = true;
    this.index.onArrival = (time) => {
      if (time < this.wakeAt) this.wake();
    };
    this.wake();
  }

  /** Delivers nothing more; resolves when what is being delivered has been settled. */
  async stop(): Promise<void> {
    this.running = false;
    this.index.onArrival = undefined;
    this.timer?.cancel();
    this.timer = undefined;
    await this.pump;
  }

  /** Stops, and leaves a snapshot so that the next start need not read the log. */
  async close(): Promise<void> {
    await this.stop();
    await this.index.state.save();
  }

  /** Looks again at once: after timers were given back, or the wall clock was set. */
  wake(): void {
    if (this.woken || !this.running) return;
    this.woken = true;
    // Coalesced per turn: a dispatched batch may bring thousands of timers that are due already.
    this.platform.clock.defer(() => {
      this.woken = false;
      if (!this.running || this.pump !== undefined) return;
      this.pump = this.run().finally(() => {
        this.pump = undefined;
        this.sleep();
      });
    });
  }

  private sleep(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (!this.running) return;
    const now = this.platform.clock.now();
    let wait = Math.min(this.index.heap.nextTime - now, LONGEST_SLEEP_MILLIS);
    if (this.stalledBy !== undefined) wait = this.retryMillis;
    else if (this.index.heap.nextTime === Infinity) {
      this.wakeAt = Infinity;
      return;
    }
    // While stalled nothing that arrives may shorten the pause.
    this.wakeAt = this.stalledBy === undefined ? this.index.heap.nextTime : -Infinity;
    this.timer = this.platform.clock.after(Math.max(0, wait), () => this.wake());
  }

  private async run(): Promise<void> {
    // While this runs it looks for itself whether something new is due.
    this.wakeAt = -Infinity;
    while (this.running) {
      const due = this.index.heap.takeDue(this.platform.clock.now(), BATCH, BATCH_BYTES);
      if (due.length === 0) return;
      const failure = await this.deliver(due);
      if (failure === undefined) {
        if (this.stalledBy !== undefined) this.platform.logger.log('Timers are delivered again');
        this.stalledBy = undefined;
        this.retryMillis = FIRST_RETRY_MILLIS;
        continue;
      }
      this.stall(failure);
      return;
    }
  }

  private stall(failure: MessagingError): void {
    if (!failure.retryable) {
      this.running = false;
      if (failure.code !== 'STORE_CLOSED' && failure.code !== 'SHUTTING_DOWN') {
        this.platform.logger.error(`Timers are no longer delivered: ${failure.message}`, failure);
      }
    } else if (this.stalledBy === undefined) {
      this.platform.logger.warn(`Timers wait, and are tried again until it succeeds: ${failure.message}`);
    } else {
      this.retryMillis = Math.min(this.retryMillis * 2, LONGEST_RETRY_MILLIS);
    }
    this.stalledBy = failure.message;
  }

  /** Reads the parked records together, appends their deliveries in order, and waits for the last of them. */
  private async deliver(due: readonly Due[]): Promise<MessagingError | undefined> {
    const records = await Promise.all(due.map(({ offset }) => this.read(offset)));
    const needed = new Set<string>();
    const deliveries: (Delivery | MessagingError)[] = [];
    for (const [at, record] of records.entries()) {
      const { offset } = due[at] as Due;
      const delivery =
        record instanceof MessagingError
          ? this.unreadable(offset, record)
          : deliveryOf(record, this.topics, this.platform.clock.now());
      if (!(delivery instanceof MessagingError) && delivery.kind !== 'deliver') needed.add(delivery.message.topic);
      deliveries.push(delivery);
    }
    try {
      for (const topic of needed) {
        if (this.topics.get(topic) !== undefined) continue;
        await this.topics.create(topic, { readQueueNums: 1, writeQueueNums: 1 }, this.log.visibleOffset);
      }
    } catch (error) {
      for (const { offset } of due) this.index.heap.giveBack(offset);
      return error as MessagingError;
    }
    return new Promise((resolve) => {
      let open = due.length;
      let failure: MessagingError | undefined;
      const settle = (offset: number, error: MessagingError | undefined): void => {
        if (error !== undefined) {
          // A failure that ends deliveries must not be hidden by one that would be tried again.
          if (failure === undefined || failure.retryable) failure = error;
          this.index.heap.giveBack(offset);
        }
        if (--open === 0) resolve(failure);
      };
      for (const [at, delivery] of deliveries.entries()) this.append(due[at] as Due, delivery, settle);
    });
  }

  private append(
    { offset, time }: Due,
    delivery: Delivery | MessagingError,
    settle: (offset: number, error: MessagingError | undefined) => void,
  ): void {
    if (delivery instanceof MessagingError) {
      settle(offset, delivery);
      return;
    }
    // The clock that stamps the record may have been set back while the parked one was read.
    if (this.platform.clock.now() < time) {
      this.index.heap.giveBack(offset);
      settle(offset, undefined);
      return;
    }
    this.log.put(delivery.message, (error) => {
      if (error === undefined) this.count(delivery);
      else if (!error.retryable && TOO_LARGE.has(error.code) && delivery.kind !== 'drop') {
        const dropped = drop(
          offset,
          `message ${offset} cannot be stored under its real topic (${error.message})`,
          this.platform.clock.now(),
        );
        this.append({ offset, time }, dropped, settle);
        return;
      }
      settle(offset, error);
    });
  }

  private count(delivery: Delivery): void {
    if (delivery.kind === 'deliver') {
      this.counts.delivered++;
      return;
    }
    if (delivery.kind === 'dead-letter') {
      this.counts.deadLettered++;
      this.platform.logger.warn(
        `A waiting retry was kept as a dead letter in ${delivery.message.topic}: ${delivery.why}`,
      );
      return;
    }
    this.counts.dropped++;
    this.platform.logger.warn(`A timer was dropped: ${delivery.why}`);
  }

  private unreadable(offset: number, error: MessagingError): Delivery | MessagingError {
    if (error.code !== 'RECORD_INVALID' && error.code !== 'OFFSET_OUT_OF_RANGE') return error;
    return drop(offset, `its parked record at ${offset} cannot be read (${error.message})`, this.platform.clock.now());
  }

  private async read(offset: number): Promise<MessageRecord | MessagingError> {
    try {
      return await this.log.recordAt(offset);
    } catch (error) {
      if (error instanceof MessagingError) return error;
      return new MessagingError('BROKER_ERROR', `The parked record at ${offset} could not be read: ${String(error)}`, {
        cause: error,
      });
    }
  }
}

/** What no later try of the same message would change. */
const TOO_LARGE: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'PROPERTIES_INVALID',
  'BAD_ARGUMENT',
  'NAME_INVALID',
  'TOPIC_NOT_FOUND',
]);
