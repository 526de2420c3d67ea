import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../../lib/platform/index.js';
import { ACTS, type Reach } from './act.js';
import type { Point } from './points.js';
import type { PostgresTap } from './postgres-tap.js';
import type { Trap } from './trap.js';

const POINT_WITHIN_MILLIS = 180_000;
const BETWEEN_POINTS_MILLIS = 150;
/** Time between two deaths that nobody has named: at least, and at most so much more. */
const RANDOM_MILLIS = [1_500, 2_500] as const;
/** The trap lets up to so many go by, so that it is not always the first statement after a start. */
const LET_BY = 4;

/** Brings about all the named points, in an order of chance, and deaths and cuts at any time beside them. */
export class Executioner {
  /** Connections that were cut at a time of chance. */
  cuts = 0;
  private readonly waiting: Point[];
  private readonly absent: string[] = [];
  private resting = false;
  private readonly count: number;

  constructor(
    points: readonly Point[],
    private readonly reach: Reach,
    private readonly database: PostgresTap,
    private readonly random: SeededRandom,
    private readonly log: (line: string) => void,
  ) {
    this.count = points.length;
    this.waiting = points
      .map((point) => ({ point, place: random.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ point }) => point);
  }

  /** The part of the points that have come or are just awaited. */
  get done(): number {
    return Math.min(1, 1 - (this.waiting.length - 1) / this.count);
  }

  missed(): readonly string[] {
    return this.absent;
  }

  /** No more deaths at random; the points go on until all have come. */
  rest(): void {
    this.resting = true;
  }

  async work(): Promise<void> {
    await Promise.all([this.bringPoints(), this.strikeAtRandom()]);
  }

  private async bringPoints(): Promise<void> {
    for (;;) {
      const [point] = this.waiting;
      if (point === undefined) return;
      const began = performance.now();
      const came = await this.bring(point);
      this.log(`  ${point.name}: ${came ? `${Math.round(performance.now() - began)} ms` : 'never came'}`);
      if (!came) this.absent.push(point.name);
      this.waiting.shift();
      await sleep(BETWEEN_POINTS_MILLIS);
    }
  }

  private bring({ on, who, what, way, act }: Point): Promise<boolean> {
    const { traps } = on === 'postgres' ? this.database : this.reach.brokerTap;
    return new Promise((resolve) => {
      const trap: Trap = {
        who: new RegExp(`^${who}-`),
        what,
        way,
        nth: 1 + this.random.below(LET_BY),
        spring: (passing) => {
          clearTimeout(timer);
          resolve(true);
          return ACTS[act](passing, this.reach);
        },
      };
      const timer = setTimeout(() => {
        traps.disarm(trap);
        resolve(false);
      }, POINT_WITHIN_MILLIS);
      traps.arm(trap);
    });
  }

  private async strikeAtRandom(): Promise<void> {
    while (!this.resting) {
      await sleep(RANDOM_MILLIS[0] + this.random.below(RANDOM_MILLIS[1]));
      if (this.resting) return;
      const members = [...this.reach.members.values(), this.reach.broker];
      const member = members[this.random.below(members.length)]!;
      const kind = this.random.below(3);
      if (kind === 0 && member !== this.reach.broker) {
        this.cuts++;
        this.database.cut(new RegExp(`^${member.post.name}$`));
      } else if (kind === 1) {
        this.cuts++;
        this.reach.brokerTap.cut(new RegExp(`^${member.post.name}$`));
      } else member.kill();
    }
  }
}
