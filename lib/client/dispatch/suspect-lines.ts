import { runHandler, type PauseState, type SettleDelivery } from './dispatcher.js';
import { isHeld, isPostponed, postpone, suspend } from './postponement.js';
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
      else {
        const wait = await this.handle(queue, delivery);
        if (wait > 0) await this.sleep(queue, wait);
      }
    }
  }

  private isPaused(delivery: Delivery): boolean {
    return this.pause.paused || isHeld(delivery);
  }

  /** Returns how long it is kept for before the next call; 0 when it is settled. */
  private async handle(queue: ProcessQueue, delivery: Delivery): Promise<number> {
    const { core } = this.group;
    let wait = 0;
    await core.suspects.handle(delivery, async (verdict) => {
      if (this.isPaused(delivery)) return;
      queue.begin();
      const settlement = verdict ?? (await runHandler(delivery, core));
      // What a handler did with a message that another member may have by now counts for nothing.
      if (!queue.dropped) {
        const postponed = isPostponed(settlement);
        if (postponed) suspend(this.group, delivery, settlement, () => this.wake());
        const outcome = postponed ? postpone(this.group, delivery, settlement) : settlement;
        if (typeof outcome === 'number') wait = outcome;
        else await this.settle(delivery, outcome);
      }
      queue.end();
    });
    return wait;
  }

  private async sleep(queue: ProcessQueue, milliseconds: number): Promise<void> {
    try {
      await this.group.core.platform.clock.sleep(milliseconds, queue.stopping);
    } catch {
      // The queue is taken away; the loop sees that by itself.
    }
  }
}
