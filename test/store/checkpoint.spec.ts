import { describe, expect, it } from '@jest/globals';
import { SeededRandom, SimulatedFileSystem, silentLogger } from '../../lib/platform/index.js';
import type { MessageStore } from '../../lib/store/index.js';
import { readCheckpoint, writeCheckpoint } from '../../lib/store/checkpoint.js';
import { ENTRY_BYTES } from '../../lib/store/queue/queue-files.js';
import { SnapshotFile } from '../../lib/store/state/snapshot-file.js';
import { message, openStore, putAll, readAll, readTexts, STORE_PATH, texts, TOPIC } from './support.js';

const QUEUES = 12;

function open(disk: SimulatedFileSystem, options = {}, logs: string[] = []) {
  const logger = {
    ...silentLogger,
    log: (text: string) => void logs.push(text),
    warn: (text: string) => void logs.push(text),
  };
  return openStore(disk, { queuesPerCheckpoint: 3, fileCostEntries: 0, ...options }, { logger });
}

/** One message more for each queue than for the one before it. */
async function fill(store: MessageStore, first = 0): Promise<void> {
  await store.createTopic('many', { readQueueNums: QUEUES, writeQueueNums: QUEUES });
  for (let queueId = 0; queueId < QUEUES; queueId++) await send(store, queueId, first, queueId + 1);
}

async function send(store: MessageStore, queueId: number, first: number, count: number): Promise<void> {
  const bodies = texts(count, 20, first);
  await Promise.all(bodies.map((body) => store.putAsync(message(body, { topic: 'many', queueId }))));
}

async function expectAll(store: MessageStore, counts: (queueId: number) => number): Promise<void> {
  for (let queueId = 0; queueId < QUEUES; queueId++) {
    expect(await readTexts(store, queueId, 'many')).toEqual(texts(counts(queueId)));
    expect((await readAll(store, queueId, 'many')).map(({ queueOffset }) => queueOffset)).toEqual([
      ...Array(counts(queueId)).keys(),
    ]);
  }
}

function filesOf(disk: SimulatedFileSystem, topicNumber: number): number[] {
  return disk
    .paths()
    .flatMap((path) => new RegExp(`/consumequeue/${topicNumber}/(\\d+)/\\d{20}$`).exec(path)?.[1] ?? [])
    .map(Number)
    .sort((one, other) => one - other);
}

function crash(disk: SimulatedFileSystem, seed = 1): SimulatedFileSystem {
  return disk.crashImage('none', new SeededRandom(seed));
}

describe('a checkpoint of many queues', () => {
  it('writes the files of those that have most new entries and keeps the entries of the others', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk);
    await fill(store);
    const { number } = store.topics.get('many')!;
    await store.checkpoint();
    expect(store.health()).toMatchObject({ checkpointOffset: store.visibleOffset, checkpointProblem: undefined });
    expect(filesOf(disk, number)).toEqual([9, 10, 11]);
    await send(store, 0, 1, 1);
    await store.checkpoint();
    expect(filesOf(disk, number)).toEqual([6, 7, 8, 9, 10, 11]);
    const logs: string[] = [];
    const again = await open(crash(disk), {}, logs);
    expect(logs).toEqual([expect.stringContaining(': 0 messages read again')]);
    await expectAll(again.store, (queueId) => Math.max(2, queueId + 1));
    await again.store.close();
  });

  it('writes no files for a few entries of each of many, and catches up when little comes', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk, { fileCostEntries: 8 });
    await store.createTopic('many', { readQueueNums: QUEUES, writeQueueNums: QUEUES });
    const { number } = store.topics.get('many')!;
    const files: number[] = [];
    for (let round = 0; round < 4; round++) {
      for (let queueId = 0; queueId < QUEUES; queueId++) await send(store, queueId, round, 1);
      await store.checkpoint();
      files.push(filesOf(disk, number).length);
    }
    // One entry a queue and round: a file costs as much as 1 + 2 + 3 + 4 of them kept, less half of the last.
    expect(files).toEqual([0, 0, 0, 3]);
    for (let one = 4; one < 7; one++) {
      await send(store, 0, one, 1);
      await store.checkpoint();
    }
    expect(filesOf(disk, number)).toHaveLength(QUEUES);
    const again = await open(crash(disk), { fileCostEntries: 8 });
    await expectAll(again.store, (queueId) => (queueId === 0 ? 7 : 4));
    await again.store.close();
    await store.close();
  });

  it('goes on after an end in order, with few of the queues in files', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk);
    await fill(store);
    const { number } = store.topics.get('many')!;
    await store.close();
    expect(filesOf(disk, number)).toEqual([9, 10, 11]);
    const again = await open(disk);
    expect(again.store.cleanStart).toBe(true);
    await expectAll(again.store, (queueId) => queueId + 1);
    for (let queueId = 0; queueId < QUEUES; queueId++) await send(again.store, queueId, queueId + 1, 2);
    const third = await open(crash(disk));
    await expectAll(third.store, (queueId) => queueId + 3);
    await third.store.close();
    await again.store.close();
  });

  it('writes more files when it would have to keep too much', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk, { keptEntryBytes: 20 * (1 + 2 + 3 + 4 + 5) });
    await fill(store);
    await store.checkpoint();
    expect(filesOf(disk, store.topics.get('many')!.number)).toEqual([5, 6, 7, 8, 9, 10, 11]);
    const again = await open(crash(disk));
    await expectAll(again.store, (queueId) => queueId + 1);
    await again.store.close();
    await store.close();
  });

  it('is the one before when a crash comes while it is written, whatever reached the queue files', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk);
    await fill(store);
    await store.checkpoint();
    for (let queueId = 0; queueId < QUEUES; queueId++) await send(store, queueId, queueId + 1, 20 - queueId);
    disk.inject({ kind: 'EIO', at: 0, lasts: 'from', path: (path) => path.endsWith('/checkpoint.tmp') });
    await store.checkpoint();
    expect(store.health().checkpointProblem).toContain('EIO');
    for (const policy of ['none', 'all', 'random-pages'] as const) {
      const again = await open(disk.crashImage(policy, new SeededRandom(3)));
      await expectAll(again.store, () => 21);
      await again.store.close();
    }
  });

  it('keeps no entries of deleted topics', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk);
    await fill(store);
    await store.checkpoint();
    await store.topics.delete('many', store.visibleOffset);
    const first = await open(crash(disk));
    expect(first.store.maxOffset('many', 5)).toBe(0);
    await putAll(first.store, ['other']);
    await first.store.checkpoint();
    await first.store.createTopic('many', { readQueueNums: QUEUES, writeQueueNums: QUEUES });
    await send(first.store, 5, 0, 2);
    expect(await readTexts(first.store, 5, 'many')).toEqual(texts(2));
    await first.store.close();
  });

  it('serves queues whose oldest entries it keeps when their part of the log has gone', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk, { queuesPerCheckpoint: 1, batchBytes: 4096, segmentBytes: 16 * 1024 });
    await fill(store);
    await putAll(store, texts(40, 900));
    await store.log.deleteOldestSegment();
    await send(store, 3, 4, 1);
    const again = await open(crash(disk), { queuesPerCheckpoint: 1 });
    expect(again.store.minOffset('many', 3)).toBe(4);
    expect(await readTexts(again.store, 3, 'many')).toEqual(texts(1, 20, 4));
    expect(again.store.minOffset('many', 11)).toBe(12);
    await again.store.checkpoint();
    await again.store.close();
    const third = await open(disk.crashImage('all', new SeededRandom(1)));
    expect(await readTexts(third.store, 3, 'many')).toEqual(texts(1, 20, 4));
    await third.store.close();
  });

  it('is not believed when a queue file that it counts on is gone: all is derived from the log', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await open(disk);
    await fill(store);
    await store.checkpoint();
    const image = crash(disk);
    const { number } = store.topics.get('many')!;
    await image.remove(`${STORE_PATH}/consumequeue/${number}/11/00000000000000000000`);
    const logs: string[] = [];
    const again = await open(image, {}, logs);
    expect(logs[0]).toContain('has lost entries');
    await expectAll(again.store, (queueId) => queueId + 1);
    await again.store.close();
  });

  it('of a version that kept no entries is understood', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(30));
    await store.close();
    const file = new SnapshotFile(disk, STORE_PATH, 'checkpoint', silentLogger);
    const { logOffset, unsyncedBytes, queues } = (await readCheckpoint(file, silentLogger))!;
    const fields = queues.flatMap((queue) => [queue.topicNumber, queue.queueId, queue.minOffset, queue.nextOffset]);
    const old = Buffer.alloc((4 + fields.length) * 8);
    for (const [index, field] of [1, logOffset, 1, unsyncedBytes, ...fields].entries())
      old.writeDoubleBE(field, index * 8);
    await file.write(old);
    const again = await openStore(disk);
    expect(again.store.cleanStart).toBe(true);
    expect(await readTexts(again.store)).toEqual(texts(30));
    expect(again.store.maxOffset(TOPIC, 0)).toBe(30);
    await again.store.close();
  });

  it('holds as many entries as it is given, each in its place', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory('/kept');
    const file = () => new SnapshotFile(disk, '/kept', 'checkpoint', silentLogger);
    const COUNTS = [20_000, 0, 1, 45_000];
    const queues = COUNTS.map((count, queueId) => ({
      topicNumber: 1,
      queueId,
      minOffset: 0,
      nextOffset: 7 + count,
      flushedOffset: 7,
    }));
    const entry = (queue: number, index: number) => queue * 1_000_000 + index;
    await writeCheckpoint(
      file(),
      { logOffset: 1, clean: false, unsyncedBytes: 0, queues },
      (queue, target, at, from, to) => {
        for (let index = from; index < to; index++, at += ENTRY_BYTES) target.writeDoubleBE(entry(queue, index), at);
      },
    );
    const { entries } = (await readCheckpoint(file(), silentLogger))!;
    expect(entries).toHaveLength(65_001 * ENTRY_BYTES);
    const expected = COUNTS.flatMap((count, queue) => Array.from({ length: count }, (_, n) => entry(queue, 7 + n)));
    expect(expected.findIndex((value, n) => entries.readDoubleBE(n * ENTRY_BYTES) !== value)).toBe(-1);
  });
});
