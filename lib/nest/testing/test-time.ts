import type { VirtualClock } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { AtWork } from './at-work.js';

/** How far virtual time may move in `settled` before a message that nobody fetches is taken for stuck. */
const DELIVERY_LIMIT_MILLIS = 120_000;
/** Sends and requests end by their own time-outs. */
const OPERATION_LIMIT_MILLIS = 7 * 86_400_000;
/** Real time for a handler that does not end while its application closes; then its shutdown budget begins to run out. */
const CLOSING_PATIENCE_MILLIS = 1000;

/** Well below the shortest time after which the broker gives a silent client up (120 s) or a lock away (60 s). */
const HOUSEKEEPING_MILLIS = 15_000;
const LOOK_AGAIN_MILLIS = 5;

/**
 * Moves the virtual clock. It stands still but for three cases: `advance`; `settled` while a message is on its way to a
 * listener and only time brings it there; and by itself while somebody awaits a send, a request or the start or end of an
 * application that needs time to come to its outcome.
 */
export class TestTime {
  private turn: Promise<unknown> = Promise.resolve();
  /** Calls of `settled`, `advance` and `until` that have not ended: the clock is theirs. */
  private driven = 0;
  private drifting = false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly work: AtWork,
    /** Messages that are visible and not with their listeners, for messages. */
    private readonly undelivered: () => string[],
  ) {
    work.onOperation = () => this.drift();
  }

  settled(patienceMillis: number): Promise<void> {
    return this.inTurn(async () => {
      const patience = new Patience(patienceMillis);
      for (let moved = 0; ;) {
        await this.comeToRest('settled()', patience);
        const pending = this.work.pendingOperations > 0;
        const stuck = pending ? this.work.describe() : this.undelivered();
        if (stuck.length === 0) return;
        const before = this.clock.monotonic();
        const limit = pending ? OPERATION_LIMIT_MILLIS : DELIVERY_LIMIT_MILLIS;
        if (moved > limit || !this.clock.step(limit, pending ? HOUSEKEEPING_MILLIS : 0)) {
          throw new MessagingError(
            'TIMEOUT',
            `settled(): ${Math.round(moved / 1000)} s of virtual time did not bring an end to ${stuck.join('; ')}`,
          );
        }
        moved += this.clock.monotonic() - before;
      }
    });
  }

  advance(milliseconds: number, patienceMillis: number): Promise<void> {
    return this.inTurn(async () => {
      const patience = new Patience(patienceMillis);
      const target = this.clock.monotonic() + milliseconds;
      const left = (): number => target - this.clock.monotonic();
      do await this.comeToRest('advance()', patience);
      while (this.clock.step(left(), HOUSEKEEPING_MILLIS));
      this.clock.skip(Math.max(0, left()));
    });
  }

  /** Lets go on what needs no time until the condition holds. */
  until(condition: () => boolean, patienceMillis: number): Promise<void> {
    return this.inTurn(async () => {
      const patience = new Patience(patienceMillis);
      for (;;) {
        await this.clock.settle();
        if (condition()) return;
        if (patience.over) throw this.outOfPatience('until()', patience, 'the condition does not hold');
        // Whatever makes it true may be none of what is known here.
        await this.work.next(LOOK_AGAIN_MILLIS);
      }
    });
  }

  private async inTurn(work: () => Promise<void>): Promise<void> {
    this.driven++;
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    try {
      await mine;
    } finally {
      this.driven--;
      this.drift();
    }
  }

  /** Everything has happened that needs no virtual time. */
  private async comeToRest(verb: string, patience: Patience): Promise<void> {
    for (;;) {
      await this.clock.settle();
      if (!this.work.waitsForReality) return;
      if (!(await patience.wait(this.work))) throw this.outOfPatience(verb, patience, 'a handler does not end');
    }
  }

  private outOfPatience(verb: string, { total }: Patience, what: string): MessagingError {
    const underWay = this.work.describe();
    const list = underWay.length === 0 ? 'nothing is under way' : `under way: ${underWay.join('; ')}`;
    return new MessagingError(
      'TIMEOUT',
      `${verb} has waited for ${total} ms of real time, and ${what}; ${list}. ` +
        'Let it end (does it wait for a timer, a lock or a promise of the test?), or allow more with { timeout }',
    );
  }

  /** Moves the clock while nobody drives it and somebody waits for an operation that only time ends. */
  private drift(): void {
    if (this.drifting || this.driven > 0 || this.work.pendingOperations === 0) return;
    this.drifting = true;
    void this.runDrift().finally(() => {
      this.drifting = false;
      this.drift();
    });
  }

  private async runDrift(): Promise<void> {
    const goesOn = (): boolean => this.driven === 0 && this.work.pendingOperations > 0;
    for (let patient = true; goesOn();) {
      await this.clock.settle();
      if (goesOn() && patient && this.work.waitsForReality) {
        patient = await this.work.next(this.work.pendingSteps > 0 ? CLOSING_PATIENCE_MILLIS : undefined);
      } else if (goesOn() && !this.clock.step(OPERATION_LIMIT_MILLIS, HOUSEKEEPING_MILLIS)) {
        // Without a timer only reality is left.
        await this.work.next(undefined);
      }
    }
  }
}

/** Real time that may still be spent on waiting. */
class Patience {
  private readonly end: number;

  constructor(readonly total: number) {
    this.end = performance.now() + total;
  }

  get over(): boolean {
    return performance.now() >= this.end;
  }

  /** True when something has happened, false when the time is over. */
  async wait(work: AtWork): Promise<boolean> {
    const left = this.end - performance.now();
    return left > 0 && (await work.next(left));
  }
}
