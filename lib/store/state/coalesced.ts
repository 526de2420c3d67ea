/**
 * Shares one run among all who ask while one is under way: whoever asks after a run has begun waits for the next one,
 * because the run under way may already have taken its copy of the state.
 */
export class Coalesced {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly work: () => Promise<void>) {}

  /** Resolves when a run that began after this call has ended; rejects with that run's error. */
  run(): Promise<void> {
    if (this.next !== undefined) return this.next;
    if (this.running === undefined) return this.begin();
    const again = (): Promise<void> => {
      this.next = undefined;
      return this.begin();
    };
    return (this.next = this.running.then(again, again));
  }

  /** Resolves when nothing is under way any more, whether it succeeded or not. */
  async settled(): Promise<void> {
    for (let last = this.next ?? this.running; last !== undefined; last = this.next ?? this.running) {
      await last.catch(() => undefined);
    }
  }

  private begin(): Promise<void> {
    const run = this.work().finally(() => {
      if (this.running === run) this.running = undefined;
    });
    this.running = run;
    return run;
  }
}
