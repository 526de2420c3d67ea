/** Holds a whole group. */
export class PauseGate {
  private isPaused = false;
  private waiting: (() => void)[] = [];

  get paused(): boolean {
    return this.isPaused;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Undefined when the group is not paused; otherwise resolves when it goes on. */
  resumed(): Promise<void> | undefined {
    return this.isPaused ? new Promise((resolve) => this.waiting.push(resolve)) : undefined;
  }
}
