import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem, type Operation, SimulatedFileSystem } from '../../lib/platform/index.js';
import { message, openStore, putAll, readAll, readTexts, recordsOf, text, texts, TOPIC } from './support.js';

const query = { topic: TOPIC, queueId: 0, offset: 0, maxMessages: 32, maxBytes: 256 * 1024 };

describe('reading', () => {
  it('answers the newest messages from memory at once and older ones from the disk', async () => {
    const { store } = await openStore();
    await putAll(store, texts(200, 900));
    await store.checkpoint();
    const newest = store.read({ ...query, offset: 195 });
    expect(newest).not.toBeInstanceOf(Promise);
    const oldest = store.read(query);
    expect(oldest).toBeInstanceOf(Promise);
    expect(recordsOf(await oldest).map((record) => record.body.toString())).toEqual(texts(32, 900));
    expect(await readTexts(store)).toEqual(texts(200, 900));
    await store.close();
  });

  it('never changes bytes that it has handed out', async () => {
    const { store } = await openStore();
    await putAll(store, texts(5, 900));
    const result = await store.read(query);
    const before = result.chunks.map((chunk) => Buffer.from(chunk));
    await putAll(store, texts(300, 900, 5));
    expect(result.chunks.map((chunk, index) => chunk.equals(before[index]!))).not.toContain(false);
    await store.close();
  });

  it('holds no more of the log in memory than it was told to', async () => {
    const { store } = await openStore(new MemoryFileSystem(), { tailBytes: 64 * 1024, batchBytes: 16 * 1024 });
    for (let round = 0; round < 20; round++) {
      await putAll(store, texts(50, 900));
      expect(store.health().tailBytes).toBeLessThanOrEqual(64 * 1024 + 5 * 16 * 1024);
    }
    await store.close();
  });

  it('reads what is appended while older messages are read', async () => {
    const { store } = await openStore();
    await putAll(store, texts(100, 900));
    const writing = putAll(store, texts(100, 900, 100));
    const first = await readTexts(store);
    await writing;
    expect(first).toEqual(texts(first.length, 900));
    expect(await readTexts(store)).toEqual(texts(200, 900));
    await store.close();
  });

  it('gives interleaved queues each their own, in one piece where they lie side by side', async () => {
    const { store, fileSystem } = await openStore();
    for (let index = 0; index < 200; index++)
      store.put(message(text(index, 400), { queueId: index % 2 }), () => undefined);
    await store.putAsync(message('last', { queueId: 2 }));
    const odd = Array.from({ length: 100 }, (_, index) => text(index * 2 + 1, 400));
    expect(await readTexts(store, 1)).toEqual(odd);
    await putAll(store, texts(10), 3);
    const together = await store.read({ ...query, queueId: 3 });
    expect(together.chunks).toHaveLength(1);
    await store.close();
    const again = await openStore(fileSystem);
    expect(await readTexts(again.store, 1)).toEqual(odd);
    await again.store.close();
  });

  it('reads large stretches of the disk, not message by message', async () => {
    const disk = new SimulatedFileSystem();
    const first = await openStore(disk, { segmentBytes: 1024 * 1024 });
    await putAll(first.store, texts(2_000, 400));
    await first.store.close();
    const { store } = await openStore(disk, { segmentBytes: 1024 * 1024 });
    const from = disk.operations.length;
    expect(await readTexts(store)).toEqual(texts(2_000, 400));
    const reads = disk.operations
      .slice(from)
      .filter((each: Operation) => each.name === 'read' && each.path.includes('/commitlog/'));
    expect(reads.length).toBeLessThanOrEqual(10);
    await store.close();
  });

  it('lets a reader of few old messages through while another replays everything', async () => {
    const disk = new SimulatedFileSystem();
    const first = await openStore(disk, { segmentBytes: 4 * 1024 * 1024 });
    await putAll(first.store, texts(6_000, 1_000), 0);
    await putAll(first.store, texts(5, 1_000), 1);
    await first.store.close();
    const { store } = await openStore(disk, { segmentBytes: 4 * 1024 * 1024 });
    const finished: string[] = [];
    const replays = [0, 1, 2, 3].map((part) =>
      Promise.all(
        Array.from({ length: 5 }, async (_, index) => {
          await store.read({ ...query, offset: part * 1_500 + index * 300 });
        }),
      ).then(() => finished.push('replay')),
    );
    const few = Promise.resolve(store.read({ ...query, queueId: 1 })).then(() => finished.push('few'));
    await Promise.all([...replays, few]);
    expect(finished.indexOf('few')).toBeLessThan(4);
    await store.close();
  });

  it('keeps the number of open files within bounds', async () => {
    const { store } = await openStore(undefined, { segmentBytes: 4096, batchBytes: 2048 });
    await store.createTopic('many', { readQueueNums: 400, writeQueueNums: 400 });
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        Array.from({ length: 400 }, (_, queueId) => store.putAsync(message('x', { topic: 'many', queueId }))),
      );
      await store.checkpoint();
    }
    expect(store.health().openFiles).toBeLessThanOrEqual(256);
    for (const queueId of [0, 200, 399]) expect(await readAll(store, queueId, 'many')).toHaveLength(2);
    await store.close();
  });
});
