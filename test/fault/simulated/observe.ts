import type { Platform } from '../../../lib/platform/index.js';
import { MemoryFileSystem } from '../../../lib/platform/index.js';
import { ExtensionProperty, getProperty, tagsCode } from '../../../lib/protocol/index.js';
import type { MessageStore } from '../../../lib/store/index.js';
import { TimerIndex } from '../../../lib/store/timers/timer-index.js';
import { HalfIndex } from '../../../lib/store/transactions/half-index.js';
import { contentFault, GROUP, isWaitingTopic, type History } from './model.js';

export interface Found {
  readonly id: string;
  readonly topic: string;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly physicalOffset: number;
  /** Log offset of the original, for what retention appended again. */
  readonly copiedFrom: string | undefined;
}

/** A half message that is neither committed nor rolled back. */
export interface OpenHalf {
  readonly id: string;
  /** What its producer was told. */
  readonly original: number;
  readonly queueOffset: number;
  readonly checks: number;
}

/** Where the store says that the message with an id for de-duplication lies. */
export interface Remembered {
  readonly physicalOffset: number;
  readonly queueOffset: number;
}

/** What a recovered store shows, as far as it can be judged against any history later. */
export interface Observation {
  readonly startOffset: number;
  readonly visibleOffset: number;
  readonly records: readonly Found[];
  /** `topic queueId` → next offset. */
  readonly ends: ReadonlyMap<string, number>;
  /** `topic queueId` → the group's stored position. */
  readonly progress: ReadonlyMap<string, number>;
  readonly topics: ReadonlyMap<string, number>;
  readonly groups: ReadonlySet<string>;
  /** Ids of pending timers. */
  readonly timers: readonly string[];
  readonly halves: readonly OpenHalf[];
  /** By id: what de-duplication knows of those that the history has asked for. */
  readonly remembered: ReadonlyMap<string, Remembered>;
  /** What is wrong by itself: contents, queues or timers that a rebuild from the log does not give. */
  readonly faults: readonly string[];
}

/** To be called before the store gets a turn of the loop, so that it has not begun to deliver timers. */
export async function observe(store: MessageStore, history: History, platform: Platform): Promise<Observation> {
  const { visibleOffset } = store;
  const startOffset = store.log.startOffset;
  const faults: string[] = [];
  const records: Found[] = [];
  const queues = new Map<string, Found[]>();
  const idAt = new Map<number, string>();
  const timerOffsets: string[] = [];
  store.timers.index.heap.forEach((offset, time) => timerOffsets.push(`${offset}@${time}`));
  const pending: number[] = store.timers.index.heap.offsetsIn(0, Infinity);
  const empty = { ...platform, fileSystem: new MemoryFileSystem() };
  const rebuilt = await TimerIndex.open(empty, '/', 1);
  const halves = await HalfIndex.open(empty, '/');
  await store.log.scan(startOffset, visibleOffset, (record) => {
    const id = getProperty(record.properties, 'UNIQ_KEY') ?? '';
    const found: Found = {
      id,
      topic: record.topic,
      queueId: record.queueId,
      queueOffset: record.queueOffset,
      physicalOffset: record.physicalOffset,
      copiedFrom: getProperty(record.properties, ExtensionProperty.COPIED_FROM),
    };
    const fault = contentFault(record, history.byId.get(id));
    if (fault !== undefined) faults.push(`the record ${describe(found)}: ${fault}`);
    records.push(found);
    idAt.set(record.physicalOffset, id);
    const key = `${record.topic} ${record.queueId}`;
    const queue = queues.get(key);
    if (queue === undefined) queues.set(key, [found]);
    else queue.push(found);
    const entry = { ...record, tagsCode: tagsCode(record.properties) };
    rebuilt.dispatch(entry);
    halves.dispatch(entry);
  });

  const ends = new Map<string, number>();
  const progress = new Map<string, number>();
  const topics = new Map<string, number>();
  for (const topic of store.topics.list()) {
    topics.set(topic.name, topic.number);
    for (let queueId = 0; queueId < topic.writeQueueNums; queueId++) {
      const key = `${topic.name} ${queueId}`;
      const queue = queues.get(key) ?? [];
      queues.delete(key);
      ends.set(key, store.maxOffset(topic.name, queueId));
      const position = store.progress.query(GROUP, topic.name, queueId);
      if (position !== undefined) progress.set(key, position);
      await compareQueue(store, topic.name, queueId, queue, faults);
    }
  }
  for (const key of queues.keys()) faults.push(`the log has records of ${key}, which does not exist`);

  const fromLog: string[] = [];
  rebuilt.heap.forEach((offset, time) => fromLog.push(`${offset}@${time}`));
  if (fromLog.join() !== timerOffsets.join()) {
    faults.push(`the timers are ${timerOffsets.join()}, but the log gives ${fromLog.join()}`);
  }
  const [known, given] = [store.halves, halves].map((index) => JSON.stringify([...index.all()].sort(byOffset)));
  if (known !== given) faults.push(`the half messages are ${known}, but the log gives ${given}`);
  return {
    startOffset,
    visibleOffset,
    records,
    ends,
    progress,
    topics,
    groups: new Set(store.groups.list().map(({ name }) => name)),
    timers: pending.map((offset) => idAt.get(offset) ?? `nothing at ${offset}`),
    halves: [...store.halves.all()].sort(byOffset).map(({ offset, original, queueOffset, checks }) => ({
      id: idAt.get(offset) ?? `nothing at ${offset}`,
      original,
      queueOffset,
      checks,
    })),
    remembered: rememberedOf(store, history),
    faults,
  };
}

function rememberedOf(store: MessageStore, history: History): Map<string, Remembered> {
  const remembered = new Map<string, Remembered>();
  for (const { id, topic } of history.asked) {
    const config = store.topics.get(topic);
    const place = config === undefined ? undefined : store.dedup.find(config, id);
    if (place !== undefined)
      remembered.set(id, { physicalOffset: place.physicalOffset, queueOffset: place.queueOffset });
  }
  return remembered;
}

function byOffset(a: { readonly offset: number }, b: { readonly offset: number }): number {
  return a.offset - b.offset;
}

/** The consume queue, entry by entry, against what the log says. */
async function compareQueue(
  store: MessageStore,
  topic: string,
  queueId: number,
  fromLog: readonly Found[],
  faults: string[],
): Promise<void> {
  const min = store.minOffset(topic, queueId);
  const max = store.maxOffset(topic, queueId);
  const key = `${topic} ${queueId}`;
  if (max - min !== fromLog.length) {
    faults.push(`${key} has ${min} to ${max}, but the log has ${fromLog.length} records of it`);
    return;
  }
  for (const [at, { queueOffset, physicalOffset }] of fromLog.entries()) {
    if (queueOffset !== min + at) faults.push(`${key}: offset ${min + at} is ${queueOffset} in the log`);
    const entry = await store.log.physicalOffsetAt(topic, queueId, min + at);
    if (entry !== physicalOffset)
      faults.push(`${key}: offset ${min + at} leads to ${entry}, the log has it at ${physicalOffset}`);
  }
}

export function describe({ id, topic, queueId, queueOffset, physicalOffset }: Found): string {
  return `${id} (${topic} ${queueId} offset ${queueOffset} at ${physicalOffset})`;
}

/** Timers and half messages wait until they lie in their real topic. */
export function isParked({ topic }: Found): boolean {
  return isWaitingTopic(topic);
}
