import type { Platform } from '../../platform/index.js';
import { SnapshotFile } from './snapshot-file.js';
import { writeFailure } from './write-failure.js';

export interface QueueBound {
  /** The queue's next offset: never given again, even when all its messages have gone. */
  next: number;
  /** The lowest offset whose message the log still holds. */
  min: number;
}

interface Stored {
  logMinOffset: number;
  /** Topic number → next, min, next, min … by queue. */
  queues: Record<string, number[]>;
}

/**
 * Each queue's next and minimum offset, made durable before a segment of the log is deleted: the log alone cannot tell
 * the next offset of a queue whose messages have all expired, and giving an offset twice makes consumers skip.
 */
export class QueueBounds {
  private readonly queues = new Map<number, number[]>();
  private minimum = 0;
  private readonly file: SnapshotFile;

  private constructor(
    platform: Platform,
    private readonly directory: string,
  ) {
    this.file = new SnapshotFile(platform.fileSystem, directory, 'queue-bounds', platform.logger);
  }

  static async open(platform: Platform, directory: string): Promise<QueueBounds> {
    const bounds = new QueueBounds(platform, directory);
    const payload = await bounds.file.load();
    if (payload !== undefined) {
      const stored = JSON.parse(payload.toString()) as Stored;
      bounds.minimum = stored.logMinOffset;
      for (const [number, pairs] of Object.entries(stored.queues)) bounds.queues.set(Number(number), pairs);
    }
    return bounds;
  }

  /** The log offset in front of which the log has been, or is being, deleted. */
  get logMinOffset(): number {
    return this.minimum;
  }

  get(topicNumber: number, queueId: number): QueueBound | undefined {
    const pairs = this.queues.get(topicNumber);
    return pairs === undefined || queueId * 2 >= pairs.length
      ? undefined
      : { next: pairs[queueId * 2] as number, min: pairs[queueId * 2 + 1] as number };
  }

  /** Topic number and queue id of every queue that has a bound. */
  *all(): IterableIterator<{ topicNumber: number; queueId: number } & QueueBound> {
    for (const [topicNumber, pairs] of this.queues) {
      for (let queueId = 0; queueId * 2 < pairs.length; queueId++) {
        yield { topicNumber, queueId, next: pairs[queueId * 2] as number, min: pairs[queueId * 2 + 1] as number };
      }
    }
  }

  /**
   * Replaces what is stored; resolves when it is durable. Bounds only rise: a lower value than the stored one is raised to it.
   * Queues that are not named keep their bounds, topics for which `exists` says no lose them.
   */
  async save(
    logMinOffset: number,
    bounds: Iterable<{ topicNumber: number; queueId: number } & QueueBound>,
    exists: (topicNumber: number) => boolean,
  ): Promise<void> {
    for (const { topicNumber, queueId, next, min } of bounds) {
      let pairs = this.queues.get(topicNumber);
      if (pairs === undefined) this.queues.set(topicNumber, (pairs = []));
      while (pairs.length < queueId * 2 + 2) pairs.push(0);
      pairs[queueId * 2] = Math.max(next, pairs[queueId * 2] as number);
      pairs[queueId * 2 + 1] = Math.max(min, pairs[queueId * 2 + 1] as number);
    }
    for (const topicNumber of [...this.queues.keys()]) if (!exists(topicNumber)) this.queues.delete(topicNumber);
    this.minimum = Math.max(this.minimum, logMinOffset);
    const stored: Stored = {
      logMinOffset: this.minimum,
      queues: Object.fromEntries([...this.queues].map(([number, pairs]) => [String(number), pairs])),
    };
    try {
      await this.file.write(Buffer.from(JSON.stringify(stored)));
    } catch (error) {
      throw writeFailure(`${this.directory}/queue-bounds`, error);
    }
  }
}
