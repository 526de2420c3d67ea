import type { Clock, Timer } from '../../platform/index.js';

/** What a loop waits on between two looks: a time, or somebody who knows that there is something to see. */
export class WakeSignal {
  private set = false;
  private wakeUp: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /** Also of a wait that begins later: nothing that was signalled is missed. */
  wake(): void {
    this.set = true;
    this.wakeUp?.();
  }

  async wait(milliseconds: number): Promise<void> {
    if (!this.set) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.wakeUp = resolve;
        timer = this.clock.after(milliseconds, resolve);
      });
      timer?.cancel();
      this.wakeUp = undefined;
    }
    this.set = false;
  }
}
