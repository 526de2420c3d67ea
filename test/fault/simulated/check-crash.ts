import {
  CRASH_POLICIES,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
  type Platform,
} from '../../../lib/platform/index.js';
import { MessageStore, type StoreOptions } from '../../../lib/store/index.js';
import type { Seam } from './broken-stores.js';
import type { CrashState } from './crash-points.js';
import { judge } from './judge.js';
import { messageOf, ORDERS, PAYMENTS, RARE, type History, type Moment } from './model.js';
import { describe, observe, type Observation } from './observe.js';
import { Transactions } from './transactions.js';
import { ASYNC, BURST_BODY, BURST_PROPERTY, OPTIONS, platformOn } from './workload.js';

export interface Checked {
  /** Recoveries that were carried out, those that were cut short included. */
  recoveries: number;
  readonly faults: readonly string[];
}

const DERIVED = /\/(checkpoint|consumequeue\/.*|state\/timers|state\/transactions|state\/deduplication)(\.previous)?$/;

interface Opened {
  readonly store: MessageStore;
  readonly observed: Observation;
}

/**
 * One state that a crash leaves: recovered, judged, and compared with a rebuild from nothing but the log; recovered with
 * a second crash on the way, and judged; and recovered, used, crashed once more, and judged again.
 */
export async function checkCrash(
  state: CrashState,
  history: History,
  number: number,
  seam: Seam,
  flush: 'sync' | 'async' = 'sync',
): Promise<Checked> {
  const options = flush === 'async' ? ASYNC : OPTIONS;
  const faults: string[] = [];
  const checked = { recoveries: 0, faults };
  const where = `crash at operation ${state.operation} (${state.policy})`;
  const report = (what: string, found: readonly string[]): void => {
    for (const fault of found) faults.push(`${where}${what}: ${fault}`);
  };
  const random = new SeededRandom(number);
  // The last one has promised most, the first one has allowed least; those between are in between.
  const moments = state.moments.length === 1 ? state.moments : [state.moments[0]!, latest(state.moments)];
  try {
    const first = pristine(state.image, random);
    const { store, observed } = await open(first, state.now, history, seam, checked, options);
    const operations = first.operations.length;
    for (const moment of moments) report('', judge(observed, history, moment));

    const bare = await withoutDerived(first, random);
    const rebuilt = await open(bare, state.now, history, seam, checked, options);
    report(', rebuilt from the log', difference(observed, rebuilt.observed));

    const cut = number % operations;
    const second = await crashInRecovery(
      pristine(state.image, random),
      state.now,
      cut,
      number,
      random,
      seam,
      checked,
      options,
    );
    const again = await open(second, state.now, history, seam, checked, options);
    for (const moment of moments)
      report(`, again at operation ${cut} of the recovery`, judge(again.observed, history, moment));

    const fork = history.fork(latest(state.moments));
    const used = number % 2 === 0 ? store : rebuilt.store;
    await use(used, fork, number);
    const half = observed.halves[number % Math.max(1, observed.halves.length)];
    if (half !== undefined && number % 3 === 0) await new Transactions(used, random, fork, 'P').rollBack(half.id);
    if (flush === 'async') {
      const { durableOffset } = used.health();
      fork.durableTo = () => durableOffset;
      // Positions in what was lost have been set back; from now on those count.
      fork.flushed.length = 0;
      for (const [queue, offset] of observed.progress) fork.flushed.push({ queue, offset });
    }
    const third = (number % 2 === 0 ? first : bare).crashImage(CRASH_POLICIES[number % 4]!, random);
    const last = await open(third, state.now, fork, seam, checked, options);
    report(', then used and crashed', [
      ...judge(last.observed, fork, fork.moment()),
      ...resurrected(observed, last.observed, fork),
    ]);
  } catch (error) {
    report('', [`it cannot be opened: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`]);
  }
  return checked;
}

/** The disk of a store that was just opened, as if everything that can be derived from the log had been lost. */
async function withoutDerived(disk: SimulatedFileSystem, random: SeededRandom): Promise<SimulatedFileSystem> {
  const bare = disk.crashImage('all', random);
  for (const path of bare.paths()) if (DERIVED.test(path)) await bare.remove(path);
  return bare;
}

function difference(observed: Observation, rebuilt: Observation): string[] {
  const text = ({ records, ends, timers, halves, startOffset, visibleOffset }: Observation): string =>
    JSON.stringify({
      startOffset,
      visibleOffset,
      timers,
      halves,
      ends: [...ends].sort(),
      records: records.map(describe),
    });
  const [before, after] = [text(observed), text(rebuilt)];
  return before === after ? [...rebuilt.faults] : [`${after} is not ${before}`];
}

/** The same disk once more; the state itself stays as the crash left it. */
function pristine(image: SimulatedFileSystem, random: SeededRandom): SimulatedFileSystem {
  return image.crashImage('all', random);
}

function latest(moments: readonly Moment[]): Moment {
  return moments.at(-1) as Moment;
}

async function open(
  disk: SimulatedFileSystem,
  now: number,
  history: History,
  seam: Seam,
  checked: Checked,
  options: StoreOptions,
): Promise<Opened> {
  checked.recoveries++;
  seam.image?.(disk);
  const platform: Platform = platformOn(seam.disk?.(disk) ?? disk, new VirtualClock(now));
  const store = await MessageStore.open(options, platform);
  const observed = await observe(store, history, platform);
  seam.store?.(store);
  return { store, observed };
}

async function crashInRecovery(
  disk: SimulatedFileSystem,
  now: number,
  at: number,
  number: number,
  random: SeededRandom,
  seam: Seam,
  checked: Checked,
  options: StoreOptions,
): Promise<SimulatedFileSystem> {
  checked.recoveries++;
  seam.image?.(disk);
  disk.crashAt({ at, done: number % 2 === 0 });
  const opening = MessageStore.open(options, platformOn(seam.disk?.(disk) ?? disk, new VirtualClock(now)));
  await Promise.race([opening, disk.whenCrashed]);
  return disk.crashImage(CRASH_POLICIES[(number >> 1) % 4]!, random);
}

/**
 * Sends as much as takes exactly the places of some of what the crash has torn, so that what is behind it, if it were
 * still there, would fit on; every other time something to every other queue as well.
 */
async function use(store: MessageStore, history: History, number: number): Promise<void> {
  const queues: [string, number][] = Array.from({ length: 1 + ((number >> 1) % 7) }, () => [ORDERS, 1]);
  if (number % 2 === 1) queues.push([ORDERS, 0], [PAYMENTS, 0], [RARE, 0]);
  const puts: Promise<void>[] = [];
  for (const [at, [topic, queueId]] of queues.entries()) {
    if (store.topics.get(topic) === undefined) continue;
    // As long as the ids of most messages, so that the records have the same size.
    const id = `P${at}00`;
    const asked = history.ask({
      id,
      kind: 'plain',
      topic,
      queueId,
      bodyBytes: BURST_BODY,
      propertyBytes: BURST_PROPERTY,
    });
    puts.push(
      store.putAsync(messageOf(asked)).then((result) => {
        history.acknowledged.push({ asked, ...result });
      }),
    );
  }
  await Promise.all(puts);
}

/** What recovery had cut off and was never sent again must not come back. */
function resurrected(before: Observation, after: Observation, history: History): string[] {
  const known = new Set(before.records.map(describe));
  return after.records
    .filter((record) => !known.has(describe(record)) && !record.id.startsWith('P') && record.copiedFrom === undefined)
    .filter((record) => history.byId.get(record.id)?.kind !== 'timer')
    .map((record) => `${describe(record)} had been cut off and is back`);
}
