import { runHandler, type PauseState, type SettleDelivery } from './dispatcher.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';

/**
 * Concurrent and broadcast groups: the messages of a suspected queue, one after the other until its suspects are settled.
 * What comes behind them waits, and is then released all at once.
 */
export class SuspectLines {
  private readonly lines = new Map<ProcessQueue, Delivery[]>();
  private waking: (() => void)[] = [];

  constructor(
    private readonly group: GroupContext,
    private readonly pause: PauseState,
    private readonly settle: SettleDelivery,
    private readonly release: (deliveries: readonly Delivery[]) => void,
  ) {}

  accept(queue: ProcessQueue, deliveries: readonly Delivery[]): void {
    const line = this.lines.get(queue);
    if (line !== undefined) {
      line.push(...deliveries);
      return;
    }
    const begun = [...deliveries];
    this.lines.set(queue, begun);
    void this.run(queue, begun);
  }

  /** After a pause has ended, or queues have been given up. */
  wake(): void {
    const waking = this.waking;
    this.waking = [];
    for (const resolve of waking) resolve();
  }

  private async run(queue: ProcessQueue, line: Delivery[]): Promise<void> {
    for (let first = line[0]; first !== undefined && queue.suspects(first); first = line[0]) {
      await this.untilSettled(queue, first);
      if (queue.draining) break;
      line.shift();
    }
    this.lines.delete(queue);
    if (queue.draining || line.length === 0) return;
    // The first one that is no suspect.
    queue.suspicion = undefined;
    this.release(line);
  }

  private async untilSettled(queue: ProcessQueue, delivery: Delivery): Promise<void> {
    while (!queue.draining && !delivery.settled) {
      if (this.isPaused(delivery)) await new Promise<void>((resolve) => this.waking.push(resolve));
      else await this.handle(queue, delivery);
    }
  }

  private isPaused(delivery: Delivery): boolean {
    return this.pause.paused || delivery.listener?.paused === true;
  }

  private async handle(queue: ProcessQueue, delivery: Delivery): Promise<void> {
    const { core } = this.group;
    await core.suspects.handle(delivery, async (verdict) => {
      if (this.isPaused(delivery)) return;
      queue.begin();
      const settlement = verdict ?? (await runHandler(delivery, core));
      // What a handler did with a message that another member may have by now counts for nothing.
      if (!queue.dropped) await this.settle(delivery, settlement);
      queue.end();
    });
  }
}
