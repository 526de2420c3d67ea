import type { Logger } from '../platform/index.js';
import { type Checkpoint, type CheckpointQueue, writeCheckpoint } from './checkpoint.js';
import type { CommitLog } from './commitlog/commit-log.js';
import type { Dispatcher } from './dispatcher.js';
import type { ConsumeQueue } from './queue/consume-queue.js';
import type { QueueTable } from './queue/queue-table.js';
import { Coalesced } from './state/coalesced.js';
import type { SnapshotFile } from './state/snapshot-file.js';

/** Makes derived state durable from time to time and notes up to which log offset it is. */
export class Checkpointer {
  private readonly runs = new Coalesced(() => this.write(false));
  private offset = -1;
  /** Why the last one failed; undefined when it did not. */
  problem: string | undefined;

  constructor(
    private readonly file: SnapshotFile,
    private readonly log: CommitLog,
    private readonly queues: QueueTable,
    private readonly dispatcher: Dispatcher,
    private readonly unsyncedBytes: number,
    private readonly logger: Logger,
  ) {}

  /** Recovery would begin here, as far as queues are concerned; -1 before the first checkpoint of this process. */
  get logOffset(): number {
    return this.offset;
  }

  /** Unless nothing has changed since the last one. Rejects with the disk's error; nothing is lost by that. */
  async run(): Promise<void> {
    if (this.offset !== this.log.visibleOffset) await this.runs.run();
  }

  /** Also when nothing has come: what deleted topics have left goes with it. */
  async force(): Promise<void> {
    await this.runs.run();
  }

  /** One that is not asked for by anybody: failures are logged and kept for `health`. */
  async background(): Promise<void> {
    try {
      await this.run();
      this.problem = undefined;
    } catch (error) {
      const problem = String(error);
      if (problem !== this.problem)
        this.logger.warn(
          `The checkpoint could not be written (${problem}); it is tried again. Nothing is lost by that.`,
        );
      this.problem = problem;
    }
  }

  /** The first one of a process: from now on an end without `finish` is a crash. */
  begin(): Promise<void> {
    return this.write(false);
  }

  /** The last one: the store was closed in order. */
  async finish(): Promise<void> {
    await this.runs.settled();
    await this.write(true);
  }

  private async write(clean: boolean): Promise<void> {
    // Offset and ends are taken in one go: they must be of the same moment.
    const logOffset = this.log.visibleOffset;
    const queues: ConsumeQueue[] = [];
    const ends: { minOffset: number; nextOffset: number }[] = [];
    for (const queue of this.queues.all()) {
      queues.push(queue);
      ends.push({ minOffset: queue.minOffset, nextOffset: queue.maxOffset });
    }
    await this.log.syncNow();
    if (this.log.durableOffset < logOffset) return;
    await this.queues.flush(this.log.tail.start);
    for (const target of this.dispatcher.fedTargets) await target.flush();
    // What a queue got meanwhile may be in its files as well: this checkpoint ends before it.
    const rows = queues.map(({ topicNumber, queueId, flushedOffset }, index): CheckpointQueue => {
      const { minOffset, nextOffset } = ends[index]!;
      return { topicNumber, queueId, minOffset, nextOffset, flushedOffset: Math.min(flushedOffset, nextOffset) };
    });
    const checkpoint: Checkpoint = { logOffset, clean, unsyncedBytes: this.unsyncedBytes, queues: rows };
    await writeCheckpoint(this.file, checkpoint, (index, target, at, from, to) =>
      queues[index]!.entries.encodeInto(target, at, from, to),
    );
    this.offset = logOffset;
  }
}
