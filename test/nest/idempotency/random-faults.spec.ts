import { Injectable, Logger } from '@nestjs/common';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Idempotent, MessageContext, MessageListener } from '../../../lib/index.js';
import { SeededRandom } from '../../../lib/platform/index.js';
import { closeBenches, newBench } from './support.js';

// Every outage is told in the log.
beforeAll(() => Logger.overrideLogger(false));
afterEach(closeBenches);

const VERBS = ['acquire', 'extend', 'complete', 'release'] as const;
const STEPS = 40;
/** Below the third of a lease after which it is extended: an outage then costs no lease. */
const LONGEST_OUTAGE_MILLIS = 15_000;
const LONGEST_STEP_MILLIS = 8_000;

/** One call of the handler. */
interface Run {
  readonly n: number;
  readonly context: MessageContext;
  end(error?: Error): void;
  outcome?: 'done' | 'failed';
  endedAt: number;
  /** Its lease was lost, or its process left, before the outcome could be told: another attempt is right. */
  excused: boolean;
}

class Trial {
  readonly runs: Run[] = [];
  sent = 0;
  private join!: () => Promise<void>;
  private readonly bench = newBench();
  private readonly random: SeededRandom;
  private broken = false;
  private brokenFor = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  get kit() {
    return this.bench.kit;
  }

  async start(): Promise<void> {
    const { runs } = this;
    const now = (): number => this.kit.now().getTime();
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', from: 'earliest', backoff: [500], concurrency: 4 })
      @Idempotent({ lease: '60s' })
      book(n: number, context: MessageContext): Promise<void> {
        return new Promise((resolve, reject) => {
          const run: Run = {
            n,
            context,
            excused: false,
            endedAt: 0,
            end(error) {
              run.endedAt = now();
              run.outcome = error === undefined ? 'done' : 'failed';
              run.excused ||= context.signal.aborted;
              if (error === undefined) resolve();
              else reject(error);
            },
          };
          runs.push(run);
        });
      }
    }
    this.join = () => this.bench.start([Payments], {}, `member-${this.bench.modules.length}`);
    await this.join();
    await this.join();
  }

  async step(): Promise<void> {
    const { kit, random } = this;
    switch (random.below(7)) {
      case 0:
      case 1:
        await kit.template().syncSend('payments', this.sent++);
        break;
      case 2:
        this.endSome(2);
        break;
      case 3:
        this.breakSome();
        break;
      case 4:
        await this.redeliverOne();
        break;
      case 5:
        if (random.below(3) === 0) await this.replaceMember();
        break;
      default:
        await this.pass(random.below(LONGEST_STEP_MILLIS));
    }
    await this.pass(random.below(300));
  }

  /** Nothing fails any more, until everything is settled. */
  async heal(): Promise<void> {
    this.bench.store.mend();
    for (let round = 0; round < 60; round++) {
      for (const run of this.runs) if (run.outcome === undefined) run.end();
      await this.kit['clock'].advance(10_000);
    }
  }

  get acknowledged(): Set<unknown> {
    return new Set(this.kit.consumed('payments', { outcome: 'acknowledged' }).map(({ payload }) => payload));
  }

  get all(): number[] {
    return Array.from({ length: this.sent }, (_, n) => n);
  }

  /** What is completed is given out once more. */
  forget(): void {
    const { store } = this.bench;
    const acquire = store.acquire.bind(store);
    store.acquire = async (claims, lease) => {
      const answers = await acquire(claims, lease);
      return answers.map((one) => (one.outcome === 'completed' ? { outcome: 'acquired', token: 'forgotten' } : one));
    };
    store.complete = (completed) => Promise.resolve(completed.map(() => true));
  }

  get asked(): number {
    return this.bench.store.asked.length;
  }

  private endSome(most: number): void {
    const open = this.runs.filter(({ outcome }) => outcome === undefined);
    for (let left = most; left > 0 && open.length > 0; left--) {
      const [run] = open.splice(this.random.below(open.length), 1);
      run!.end(this.random.below(4) === 0 ? new Error('broken') : undefined);
    }
  }

  private breakSome(): void {
    const { store } = this.bench;
    const verbs = VERBS.filter(() => this.random.below(2) === 0);
    const ways: ((passOn: () => Promise<unknown>) => Promise<unknown>)[] = [
      () => Promise.reject(new Error('connect ECONNREFUSED')),
      // It was done, and nobody hears of it.
      (passOn) => passOn().then(() => Promise.reject(new Error('read ECONNRESET'))),
      () => new Promise(() => {}),
    ];
    store.break(verbs, ways[this.random.below(ways.length)]!);
    this.broken = true;
  }

  /** What the member could not tell the store any more is handled again. */
  private async replaceMember(): Promise<void> {
    const { modules } = this.bench;
    const left = modules.at(-1) as unknown as { close(): Promise<void> };
    let closed = false;
    void left.close().then(() => (closed = true));
    await this.kit['clock'].advanceUntil(() => closed, 60_000);
    const now = this.kit.now().getTime();
    for (const run of this.runs) if (run.outcome === 'done' && run.endedAt > now - 60_000) run.excused = true;
    let joined = false;
    void this.join().then(() => (joined = true));
    await this.kit['clock'].advanceUntil(() => joined, 60_000);
  }

  private async pass(millis: number): Promise<void> {
    await this.kit['clock'].advance(millis);
    this.brokenFor = this.broken ? this.brokenFor + millis : 0;
    if (this.brokenFor < LONGEST_OUTAGE_MILLIS - LONGEST_STEP_MILLIS) return;
    this.bench.store.mend();
    this.broken = false;
  }

  private async redeliverOne(): Promise<void> {
    const settled = this.kit.consumed('payments');
    if (settled.length === 0) return;
    await this.kit.redeliver(settled[this.random.below(settled.length)]!, { group: 'booking' });
  }
}

describe('with a store that fails at random, members that come and go, and messages that come twice', () => {
  const run = async (trial: Trial): Promise<void> => {
    await trial.start();
    for (let step = 0; step < STEPS; step++) await trial.step();
    await trial.heal();
  };
  const done = (trial: Trial, n: number): Run[] => trial.runs.filter((one) => one.n === n && one.outcome === 'done');
  const twice = (trial: Trial): number[] =>
    trial.all.filter((n) => done(trial, n).filter(({ excused }) => !excused).length > 1);

  it.each([1, 2, 3])('each message is handled to its end, once, and acknowledged (seed %i)', async (seed) => {
    const trial = new Trial(seed);
    await run(trial);
    expect([...trial.acknowledged].toSorted((a, b) => Number(a) - Number(b))).toEqual(trial.all);
    expect(trial.all.filter((n) => done(trial, n).length === 0)).toEqual([]);
    expect(twice(trial)).toEqual([]);
    const { asked } = trial;
    await trial.kit.advance('10m');
    expect(trial.asked).toBe(asked);
  });

  it('a store that does not remember is noticed', async () => {
    const trial = new Trial(1);
    trial.forget();
    await run(trial);
    expect(twice(trial)).not.toEqual([]);
  });
});
