import type { Clock } from '../../platform/index.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import type { OffsetStore } from '../offsets/offset-store.js';

/** Before another try to store a position that could not be stored. */
const AGAIN_MILLIS = 1000;

interface Progress {
  /** Positions below this one outlive any crash. */
  stored: number;
  storing: Promise<void> | undefined;
  /** Messages behind one that has not begun. */
  waiting: (() => void)[];
}

/**
 * Delivery at most once: a message is settled, and the position behind it stored durably, before its handler runs. Whatever
 * happens then, nobody gets the message again. Those that begin in one turn share one write.
 */
export class AcknowledgeFirst {
  private readonly queues = new WeakMap<ProcessQueue, Progress>();

  constructor(
    private readonly clock: Clock,
    private readonly offsets: OffsetStore,
  ) {}

  /** Resolves when the message may be handled. With false it must not be: its queue was taken away before it was settled. */
  async before(delivery: Delivery): Promise<boolean> {
    const { queue, queueOffset } = delivery;
    const progress = this.progressOf(queue);
    queue.complete(delivery);
    wake(progress);
    while (progress.stored <= queueOffset) {
      if (queue.dropped) return false;
      if (queue.committedOffset > queueOffset) await (progress.storing ??= this.store(queue, progress));
      else {
        // The position cannot pass one that has not begun, and in a queue that is given up none begins any more.
        if (queue.draining) return false;
        await new Promise<void>((resolve) => progress.waiting.push(resolve));
      }
    }
    return true;
  }

  private async store(queue: ProcessQueue, progress: Progress): Promise<void> {
    await new Promise<void>((resolve) => this.clock.defer(resolve));
    const offset = queue.committedOffset;
    if (await this.offsets.secure(queue, offset)) progress.stored = offset;
    else await this.clock.sleep(AGAIN_MILLIS);
    progress.storing = undefined;
  }

  private progressOf(queue: ProcessQueue): Progress {
    let progress = this.queues.get(queue);
    if (progress === undefined) {
      const created: Progress = { stored: 0, storing: undefined, waiting: [] };
      queue.stopping.addEventListener('abort', () => wake(created));
      this.queues.set(queue, (progress = created));
    }
    return progress;
  }
}

function wake(progress: Progress): void {
  const { waiting } = progress;
  progress.waiting = [];
  for (const resolve of waiting) resolve();
}
