import { readFileSync, writeFileSync } from 'node:fs';
import type { BrokenName } from './broken-engines.js';
import type { Plan } from './plan.js';
import type { Failure } from './shard.js';

const FILE = new URL('../../../test/model/kept.json', import.meta.url);

/** A plan that told the engine from its model once. */
export interface Kept {
  readonly says: string;
  /** The broken engine that it tells from the model; one that the real engine has failed finds none. */
  readonly finds?: BrokenName;
  readonly plan: Plan;
}

/** All of them, or those that find a certain broken engine. */
export function keptPlans(finds?: BrokenName): Kept[] {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Kept[];
  return finds === undefined ? kept : kept.filter((one) => one.finds === finds);
}

/** Puts a plan that failed where it is lived first from now on. */
export function keep({ plan, faults }: Failure): void {
  const kept = keptPlans();
  if (kept.some((other) => JSON.stringify(other.plan) === JSON.stringify(plan))) return;
  kept.push({ says: faults[0]!, plan });
  writeFileSync(FILE, `${JSON.stringify(kept, undefined, 2)}\n`);
}

export function told({ seed, plan, faults }: Failure): string {
  const from = seed === undefined ? 'A kept plan' : `A plan of the seed ${seed} (now in test/model/kept.json)`;
  return `${from} told the engine from its model:\n  ${faults.join('\n  ')}\n${JSON.stringify(plan)}`;
}
