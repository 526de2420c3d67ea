import { createHash } from 'node:crypto';
import {
  CRASH_POLICIES,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
  type Clock,
  type CrashPolicy,
  type Latency,
} from '../../../lib/platform/index.js';
import { MessageStore } from '../../../lib/store/index.js';
import type { Seam } from './broken-stores.js';
import { History, type Moment } from './model.js';
import type { ShardOrder } from './shard.js';
import { ASYNC, OPTIONS, platformOn, Workload } from './workload.js';

/** What changes the disk. In front of anything else a crash leaves what it leaves in front of the next of these. */
const CHANGES: ReadonlySet<string> = new Set([
  'create',
  'write',
  'datasync',
  'syncRange',
  'truncate',
  'makeDirectory',
  'rename',
  'remove',
  'removeDirectory',
  'syncDirectory',
]);

/** Every operation takes a turn of the loop, so that messages become visible between those of a checkpoint. */
const ONE_TURN: Latency = {
  clock: { after: (_milliseconds: number, callback: () => void) => setImmediate(callback) } as unknown as Clock,
  of: () => 1,
};

/** One state of the disk that crashes leave, and all moments at which one does. */
export interface CrashState {
  readonly image: SimulatedFileSystem;
  readonly moments: Moment[];
  readonly operation: number;
  readonly policy: CrashPolicy;
  /** Wall time of the last of the moments. */
  now: number;
}

export interface CrashPoints {
  readonly history: History;
  /** Operations that the workload made on the disk. */
  readonly operations: number;
  /** Crashes that were looked at: every operation of this shard under every policy. */
  readonly crashes: number;
  readonly states: readonly CrashState[];
}

/** Runs the workload once and crashes it at every operation that belongs to this shard, under every policy. */
export async function crashPoints(order: ShardOrder, seam: Seam = {}): Promise<CrashPoints> {
  const { steps, shard, shards, flush, syncsWrites } = order;
  const disk = new SimulatedFileSystem({ syncsWrites, ...(flush === 'async' && { latency: ONE_TURN }) });
  const clock = new VirtualClock();
  const history = new History();
  const states = new Map<string, CrashState>();
  const luck = Array.from({ length: (seam.draws ?? 1) - 1 }, (): CrashPolicy => 'random-pages');
  const policies = [...CRASH_POLICIES, ...luck];
  let changes = 0;
  let crashes = 0;
  let waiting = 0;
  const take = (operation: number): void => {
    if (changes++ % shards !== shard) return;
    for (const [at, policy] of policies.entries()) {
      crashes++;
      const image = disk.crashImage(policy, new SeededRandom(operation * policies.length + at), { syncsWrites });
      const key = digest(image);
      const known = states.get(key);
      if (known === undefined) {
        states.set(key, { image, moments: [history.moment()], operation, policy, now: clock.now() });
      } else {
        known.moments.push(history.moment());
        known.now = clock.now();
      }
    }
  };
  disk.onOperation(({ name, number }) => {
    if (CHANGES.has(name)) take(number);
    else waiting++;
  });
  const platform = platformOn(seam.disk?.(disk) ?? disk, clock);
  const store = await MessageStore.open(flush === 'async' ? ASYNC : OPTIONS, platform);
  seam.store?.(store);
  await new Workload(store, clock, history).run(steps);
  await store.close();
  take(disk.operations.length);
  // A crash in front of an operation that changes nothing leaves what one in front of the next change leaves, with
  // fewer promises made: judging that one judges both.
  crashes += Math.floor((waiting * policies.length) / shards);
  return { history, operations: disk.operations.length, crashes, states: [...states.values()] };
}

function digest(disk: SimulatedFileSystem): string {
  const hash = createHash('sha1');
  for (const path of disk.paths()) {
    const bytes = disk.contents(path);
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('base64');
}
