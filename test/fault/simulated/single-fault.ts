import {
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
  type Fault,
  type OperationName,
} from '../../../lib/platform/index.js';
import { MessageStore } from '../../../lib/store/index.js';
import { judge } from './judge.js';
import { History, ORDERS } from './model.js';
import { observe } from './observe.js';
import { OPTIONS, platformOn, Workload } from './workload.js';

/** Operations for which the disk stays ill when it gets well again. */
const ILL_FOR = 80;

export interface LifeReport {
  readonly operations: readonly OperationName[];
  readonly fenced: boolean;
  readonly faults: readonly string[];
}

/**
 * One life of the store on a disk with a fault, under an application that goes on after typed errors. The disk gets well
 * again; a store that is not fenced has to take messages then, without anybody's help. At last the power fails, and
 * what had been promised is looked for.
 */
export async function liveWithFault(
  { steps, syncsWrites }: Pick<FaultOrder, 'steps' | 'syncsWrites'>,
  fault: Fault | undefined,
): Promise<LifeReport> {
  const disk = new SimulatedFileSystem({ syncsWrites });
  const clock = new VirtualClock();
  const history = new History();
  const faults: string[] = [];
  const escaped = (error: unknown): void => {
    faults.push(`nobody took care of ${String(error)}`);
  };
  process.on('unhandledRejection', escaped);
  let fenced = false;
  if (fault !== undefined) {
    disk.inject(fault);
    disk.onOperation(({ number }) => {
      if (number === fault.at + ILL_FOR) disk.clearFaults();
    });
  }
  try {
    // Nothing is promised before it is open, so a disk that fails then may fail it.
    const store = await MessageStore.open(OPTIONS, platformOn(disk, clock)).catch(() => undefined);
    if (store !== undefined) {
      store.onFenced(() => (fenced = true));
      const workload = new Workload(store, clock, history, true);
      await workload.run(steps);
      disk.clearFaults();
      await clock.advance(6_000);
      if (!fenced && history.topics.some(({ name }) => name === ORDERS)) await workload.putOne();
      await store.close();
    }
    await clock.settle();
  } catch (error) {
    faults.push(`it threw ${error instanceof Error ? error.stack : String(error)}`);
  }
  const image = disk.crashImage('none', new SeededRandom(1));
  const platform = platformOn(image, new VirtualClock(clock.now()));
  try {
    const recovered = await MessageStore.open(OPTIONS, platform);
    faults.push(...judge(await observe(recovered, history, platform), history, history.moment()));
  } catch (error) {
    faults.push(`it cannot be opened again: ${String(error)}`);
  }
  process.off('unhandledRejection', escaped);
  return { operations: disk.operations.map(({ name }) => name), fenced, faults };
}

export interface FaultOrder {
  readonly steps: number;
  readonly shard: number;
  readonly shards: number;
  /** Whether the disk writes and syncs in one call, as Linux does, or in two. */
  readonly syncsWrites: boolean;
}

export interface FaultsReport {
  readonly operations: number;
  readonly lives: number;
  readonly fenced: number;
  readonly faults: readonly string[];
}

const TAKES_SPACE: readonly OperationName[] = ['create', 'write', 'syncRange', 'truncate', 'makeDirectory', 'rename'];
/** Where each kind of fault can hit; the list of operations is that of a life without faults. */
const KINDS: readonly { kind: Fault['kind']; hits: (name: OperationName) => boolean }[] = [
  { kind: 'EIO', hits: () => true },
  { kind: 'ENOSPC', hits: (name) => TAKES_SPACE.includes(name) },
  { kind: 'short', hits: (name) => name === 'write' },
];

/** Every fault at every operation that it can hit, once and from there on for a while: those of this shard. */
export async function liveWithEveryFault(order: FaultOrder): Promise<FaultsReport> {
  const { shard, shards } = order;
  const { operations, faults: without } = await liveWithFault(order, undefined);
  const faults = without.map((fault) => `without a fault: ${fault}`);
  let number = 0;
  let lives = 0;
  let fenced = 0;
  for (const [at, name] of operations.entries()) {
    for (const { kind, hits } of KINDS) {
      if (!hits(name)) continue;
      for (const lasts of ['once', 'from'] as const) {
        if (number++ % shards !== shard) continue;
        const life = await liveWithFault(order, { kind, at, lasts });
        lives++;
        if (life.fenced) fenced++;
        for (const fault of life.faults) faults.push(`${kind} ${lasts} at operation ${at} (${name}): ${fault}`);
        if (faults.length > 20) return { operations: operations.length, lives, fenced, faults };
      }
    }
  }
  return { operations: operations.length, lives, fenced, faults };
}
