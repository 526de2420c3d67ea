import { BROKEN_STORES, type BrokenStore, type Seam } from './broken-stores.js';
import { checkCrash } from './check-crash.js';
import { crashPoints } from './crash-points.js';

export interface ShardOrder {
  readonly steps: number;
  readonly shard: number;
  readonly shards: number;
  readonly flush?: 'sync' | 'async';
  /** Whether the disk writes and syncs in one call, as Linux does, or in two. */
  readonly syncsWrites: boolean;
  /** A store with a mistake; the shard ends where `evidence` is found. */
  readonly broken?: BrokenStore;
  /** With `broken`: what has to be said about it. One mistake shows in several ways, and which comes first is chance. */
  readonly evidence?: RegExp;
  /** The state that is looked at first, those behind it next, and at last those in front of it. Default: the first. */
  readonly from?: number;
}

export interface ShardReport {
  /** Operations that the whole workload made on the disk. */
  readonly operations: number;
  /** Crashes of this shard: its operations times the policies. */
  readonly crashes: number;
  /** Different disks that they left. */
  readonly states: number;
  readonly recoveries: number;
  readonly faults: readonly string[];
  /** The state that was looked at last. */
  readonly last: number;
}

const MOST_FAULTS = 20;

export async function runShard(order: ShardOrder): Promise<ShardReport> {
  const { broken, evidence, flush, from = 0 } = order;
  const seam: Seam = broken === undefined ? {} : BROKEN_STORES[broken];
  seam.install?.();
  const { history, operations, crashes, states } = await crashPoints(order, seam);
  const faults: string[] = [];
  let recoveries = 0;
  let last = 0;
  for (let at = 0; at < states.length; at++) {
    last = (from + at) % states.length;
    const checked = await checkCrash(states[last]!, history, last, seam, flush);
    recoveries += checked.recoveries;
    faults.push(...checked.faults);
    if (evidence === undefined ? faults.length >= MOST_FAULTS : checked.faults.some((fault) => evidence.test(fault)))
      break;
  }
  return { operations, crashes, states: states.length, recoveries, faults, last };
}
