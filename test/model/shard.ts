import fc from 'fast-check';
import { BROKEN_ENGINES, type BrokenName } from './broken-engines.js';
import { judge } from './judge.js';
import { live } from './life.js';
import { type Plan, plans } from './plan.js';

export interface ShardOrder {
  readonly runs: number;
  readonly seed: number;
  /** An engine with a mistake; the shard ends where what tells of it is found. */
  readonly broken?: BrokenName;
  /** Plans that are lived first, and nothing else happens when one of them fails. */
  readonly kept?: readonly Plan[];
}

export interface ShardReport {
  /** Plans that were lived, those of shrinking left out. */
  readonly runs: number;
  /** Steps and deliveries of all of them. */
  readonly steps: number;
  readonly deliveries: number;
  readonly failure?: Failure;
}

export interface Failure {
  /** What the random plans came from; undefined for a kept one. */
  readonly seed?: number;
  /** As small as it could be made. */
  readonly plan: Plan;
  readonly faults: readonly string[];
}

/** Making a plan smaller ends with the best that was found until then. */
const LONGEST_SHRINKING_MILLIS = 60_000;

export async function runShard({ runs, seed, broken, kept = [] }: ShardOrder): Promise<ShardReport> {
  const counts = { runs: 0, steps: 0, deliveries: 0 };
  const mistake = broken === undefined ? undefined : BROKEN_ENGINES[broken];
  mistake?.install();
  const faultsOf = async (plan: Plan): Promise<string[]> => {
    counts.runs++;
    counts.steps += plan.length;
    const faults = await lived(plan, counts);
    return mistake === undefined ? faults : faults.filter((fault) => mistake.evidence.test(fault));
  };
  for (const plan of kept) {
    const faults = await faultsOf(plan);
    if (faults.length > 0) return { ...counts, failure: { plan, faults } };
  }
  let shrinkUntil = Infinity;
  const outcome = await fc.check(
    fc.asyncProperty(plans, async (plan) => {
      if (performance.now() > shrinkUntil) return;
      const faults = await faultsOf(plan);
      if (faults.length === 0) return;
      shrinkUntil = Math.min(shrinkUntil, performance.now() + LONGEST_SHRINKING_MILLIS);
      throw new Faulty(faults);
    }),
    { numRuns: runs, seed, endOnFailure: broken !== undefined },
  );
  if (!outcome.failed) return { ...counts, runs: counts.runs };
  const [plan] = outcome.counterexample!;
  const { faults } = outcome.errorInstance as Faulty;
  return { ...counts, runs: outcome.numRuns, failure: { seed, plan, faults } };
}

/** A life that cannot be lived to its end is a fault as well, though none that tells of a certain mistake. */
async function lived(plan: Plan, counts: { deliveries: number }): Promise<string[]> {
  try {
    const history = await live(plan);
    counts.deliveries += history.entered.length;
    return judge(history);
  } catch (error) {
    return [`the life ended: ${error instanceof Error ? error.stack! : String(error)}`];
  }
}

class Faulty extends Error {
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}
