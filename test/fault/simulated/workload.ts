import {
  FileSystemError,
  SeededRandom,
  silentLogger,
  type FileSystem,
  type Platform,
  type VirtualClock,
} from '../../../lib/platform/index.js';
import { decodeRecords, getProperty, MessagingError, TIMER_TOPIC } from '../../../lib/protocol/index.js';
import { MessageStore, type PutOutcomes, type PutResult, type StoreOptions } from '../../../lib/store/index.js';
import {
  DEAD_LETTERS,
  GROUP,
  messageOf,
  ORDERS,
  PAYMENTS,
  RARE,
  type Asked,
  type History,
  type Kind,
} from './model.js';
import { Transactions, TRANSACTION_TOPICS } from './transactions.js';

const DAY = 86_400_000;
/** Age at which segments expire; short, because the store looks at the disk every virtual second. */
const AGE = 20_000;

export const OPTIONS: StoreOptions = {
  path: '/store',
  storeHost: '127.0.0.1:10911',
  segmentBytes: 48 * 1024,
  batchBytes: 4 * 1024,
  tailBytes: 8 * 1024,
  consumeQueueFileEntries: 40,
  checkpointMillis: 5_000,
  // Some queues go to their files, others stay in the checkpoint, and now and then these are too many for it.
  queuesPerCheckpoint: 2,
  fileCostEntries: 3,
  keptEntryBytes: 60 * 20,
  retention: { ageMillis: AGE, checkMillis: 30 * DAY },
};

export const ASYNC: StoreOptions = { ...OPTIONS, flush: 'async' };

export function platformOn(fileSystem: FileSystem, clock: VirtualClock): Platform {
  return { fileSystem, clock, random: new SeededRandom(1), logger: silentLogger };
}

/** Size of what is sent in bursts: a crash tears such a batch, and what is sent after it takes the same places. */
export const BURST_BODY = 180;
export const BURST_PROPERTY = 40;

function timerOf({ topic, queueId }: Asked, deliverAt: number): [string, string][] {
  return [
    ['REAL_TOPIC', topic],
    ['REAL_QID', String(queueId)],
    ['TIMER_OUT_MS', String(deliverAt)],
  ];
}

/** One life of a store, the same at every run: what it does is told to the history as it happens. */
export class Workload {
  private readonly random = new SeededRandom(42);
  private readonly positions = new Map<string, number>();
  private readonly transactions: Transactions;
  private ids = 0;
  private deduplicates = false;

  constructor(
    private readonly store: MessageStore,
    private readonly clock: VirtualClock,
    private readonly history: History,
    /** Goes on after a typed error, as an application does. */
    private readonly tolerant = false,
  ) {
    this.transactions = new Transactions(store, this.random, history);
  }

  async run(steps: number): Promise<void> {
    if (this.store.flush === 'async') this.history.durableTo = () => this.store.health().durableOffset;
    for (const work of this.preparation()) await this.attempt(work);
    const expireAt = new Set([Math.floor(steps * 0.5), Math.floor(steps * 0.75), steps - 1]);
    for (let step = 0; step < steps; step++) {
      await this.attempt(() => this.step());
      if (expireAt.has(step)) await this.attempt(() => this.expire());
    }
  }

  /** One more message, which has to be taken. */
  async putOne(): Promise<void> {
    await this.put('plain', ORDERS, 0);
  }

  private preparation(): (() => Promise<unknown>)[] {
    return [
      () => this.createTopic(ORDERS, 2),
      () => Promise.all([this.createTopic(PAYMENTS, 1), this.createTopic(RARE, 1), this.createTopic(TIMER_TOPIC, 1)]),
      () => this.deduplicate(),
      () => this.createTopic(DEAD_LETTERS, 1),
      () => Promise.all(TRANSACTION_TOPICS.map((topic) => this.createTopic(topic, 1))),
      () => this.createGroup(),
      () => this.putTimer(120 * DAY),
      () => this.transactions.begin(),
      () => this.put('letter', DEAD_LETTERS, 0),
      () => this.put('letter', DEAD_LETTERS, 0),
      () => this.put('letter', DEAD_LETTERS, 0),
      () => this.put('plain', RARE, 0),
      () => this.put('plain', RARE, 0),
      () => this.putTimer(3_000),
      // Segments expire while it waits: it is carried along by retention and delivered after that.
      () => this.putTimer(60_000),
    ];
  }

  private async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // A read from a failing disk says so as the disk did.
      if (!this.tolerant || !(error instanceof MessagingError || error instanceof FileSystemError)) throw error;
    }
  }

  private async createGroup(): Promise<void> {
    await this.store.groups.ensure(GROUP, [ORDERS, PAYMENTS, RARE], this.store.visibleOffset);
    this.history.groups.push(GROUP);
  }

  private async step(): Promise<void> {
    const dice = this.random.below(23);
    if (dice < 5) await this.put('plain', ORDERS, this.random.below(2));
    else if (dice < 7) await this.put('plain', PAYMENTS, 0);
    else if (dice < 11) await this.burst();
    else if (dice < 12) await this.large();
    else if (dice < 15) await this.consume(ORDERS, this.random.below(2), 6);
    else if (dice < 16) await this.consume(PAYMENTS, 0, 6);
    else if (dice < 17) await this.putTimer(500 + this.random.below(6_000));
    else if (dice < 18) await (this.random.below(2) === 0 ? this.flushProgress() : this.checkpoint());
    else if (dice < 20) await this.clock.advance(200 + this.random.below(700));
    else await this.transact(dice);
  }

  private transact(dice: number): Promise<void> {
    if (dice < 21) return this.transactions.begin();
    return this.random.below(3) === 0 ? this.transactions.check() : this.transactions.end();
  }

  private async createTopic(name: string, queues: number): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        const { number } = await this.store.createTopic(name, { readQueueNums: queues, writeQueueNums: queues });
        this.history.topics.push({ name, number });
        return;
      } catch (error) {
        // A timer for a topic that could not be created is dropped, rightly; that is not what is looked for here.
        if (!this.tolerant || this.store.state !== 'open' || tries > 100) throw error;
      }
    }
  }

  private async deduplicate(): Promise<void> {
    await this.store.topics.setDedup(PAYMENTS, { windowMillis: 120 * DAY, count: 10_000 }, this.store.visibleOffset);
    this.deduplicates = true;
  }

  private ask(
    kind: Kind,
    topic: string,
    queueId: number,
    bodyBytes: number,
    propertyBytes: number,
    dedup = false,
  ): Asked {
    return this.history.ask({ id: `M${this.ids++}`, kind, topic, queueId, bodyBytes, propertyBytes, dedup });
  }

  private async put(kind: Kind, topic: string, queueId: number): Promise<void> {
    const dedup = kind === 'plain' && topic === PAYMENTS && this.deduplicates;
    const asked = this.ask(kind, topic, queueId, 1 + this.random.below(250), 1 + this.random.below(80), dedup);
    this.history.acknowledged.push({ asked, ...(await this.store.putAsync(messageOf(asked))) });
  }

  private async putTimer(wait: number): Promise<void> {
    const asked = this.ask('timer', PAYMENTS, 0, 60, 10);
    this.history.acknowledged.push({
      asked,
      ...(await this.store.putAsync(messageOf(asked, timerOf(asked, this.clock.now() + wait)))),
    });
  }

  /** Properties of several pages: a tear that only they see. */
  private async large(): Promise<void> {
    const asked = this.ask('plain', ORDERS, 0, 10, 9_000);
    this.history.acknowledged.push({ asked, ...(await this.store.putAsync(messageOf(asked))) });
  }

  /** Several messages in one turn, half of the time as a batch: one write, one sync. An impatient consumer reads meanwhile. */
  private async burst(): Promise<void> {
    await Promise.all([this.sendBurst(), this.consume(ORDERS, 1, 4)]);
  }

  private sendBurst(): Promise<void> {
    const count = 3 + this.random.below(6);
    const asked: Asked[] = [];
    for (let at = 0; at < count; at++) asked.push(this.ask('plain', ORDERS, 1, BURST_BODY, BURST_PROPERTY));
    const way = this.random.below(3);
    if (way === 0) {
      return new Promise((resolve, reject) => {
        this.store.putBatch(
          asked.map((each) => messageOf(each)),
          (error, outcomes) => {
            if (outcomes === undefined) reject(error);
            else
              asked.forEach((each, at) => this.history.acknowledged.push({ asked: each, ...resultOf(outcomes, at) }));
            resolve();
          },
        );
      });
    }
    if (way === 1) {
      return new Promise((resolve, reject) => {
        this.store.putMany(
          asked.map((each) => messageOf(each)),
          (outcomes) => {
            for (const [at, each] of asked.entries()) {
              const error = outcomes.error(at);
              if (error !== undefined) reject(error);
              else this.history.acknowledged.push({ asked: each, ...resultOf(outcomes, at) });
            }
            resolve();
          },
        );
      });
    }
    return Promise.all(
      asked.map(async (each) => {
        this.history.acknowledged.push({ asked: each, ...(await this.store.putAsync(messageOf(each))) });
      }),
    ).then(() => undefined);
  }

  private async consume(topic: string, queueId: number, most: number): Promise<void> {
    const key = `${topic} ${queueId}`;
    const offset = this.positions.get(key) ?? 0;
    if (offset >= this.store.maxOffset(topic, queueId)) return;
    const { chunks, nextBeginOffset } = await this.store.read({
      topic,
      queueId,
      offset,
      maxMessages: most,
      maxBytes: 100_000,
    });
    for (const record of chunks.flatMap((chunk) => decodeRecords(chunk))) {
      const id = getProperty(record.properties, 'UNIQ_KEY') ?? '';
      this.history.seen.push({
        topic,
        queueId,
        queueOffset: record.queueOffset,
        physicalOffset: record.physicalOffset,
        id,
      });
    }
    this.positions.set(key, nextBeginOffset);
    this.store.progress.commit(GROUP, topic, queueId, nextBeginOffset);
  }

  private async flushProgress(): Promise<void> {
    const positions = [...this.positions];
    await this.store.progress.flush();
    for (const [queue, offset] of positions) this.history.flushed.push({ queue, offset });
  }

  /** Derived state is written while more of it arrives. */
  private async checkpoint(): Promise<void> {
    const written = this.store.checkpoint();
    for (let at = 0; at < 3; at++) {
      await this.putTimer(2_000 + at);
      await this.put('plain', ORDERS, 0);
    }
    await written;
  }

  /** Consumes everything, waits until all but the newest segment is old, and lets retention do its work. */
  private async expire(): Promise<void> {
    await this.clock.advance(AGE + 1_000);
    for (const [topic, queueId] of [
      [ORDERS, 0],
      [ORDERS, 1],
      [PAYMENTS, 0],
      [RARE, 0],
    ] as const) {
      while ((this.positions.get(`${topic} ${queueId}`) ?? 0) < this.store.maxOffset(topic, queueId)) {
        await this.consume(topic, queueId, 32);
      }
    }
    const active = this.store.log.segments().at(-1);
    this.history.mayExpireTo = active?.baseOffset ?? 0;
    const expired = this.store.expire();
    await this.transactions.end();
    for (let at = 0; at < 4; at++) await this.put('plain', at % 2 === 0 ? ORDERS : PAYMENTS, 0);
    await expired;
  }
}

function resultOf(outcomes: PutOutcomes, at: number): PutResult {
  return {
    physicalOffset: outcomes.physicalOffset(at),
    queueOffset: outcomes.queueOffset(at),
    storeTimestamp: outcomes.storeTimestamp(at),
    size: outcomes.size(at),
  };
}
