import { describe, expect, it } from '@jest/globals';
import { type Operation, MemoryFileSystem, SimulatedFileSystem } from '../../lib/platform/index.js';
import { holdingBack, message, openStore, readTexts, texts, TOPIC, until, VirtualClock } from './support.js';

describe('group commit', () => {
  it('acknowledges nothing and shows nothing before the sync that covers it has ended', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const { store } = await openStore(disk);
    disk.hold();
    let acknowledged = 0;
    for (const each of texts(3)) store.put(message(each), () => acknowledged++);
    await until(() => disk.held === 1);
    expect(acknowledged).toBe(0);
    expect(store.maxOffset(TOPIC, 0)).toBe(0);
    expect(store.visibleOffset).toBe(0);
    expect(await store.read({ topic: TOPIC, queueId: 0, offset: 0, maxMessages: 1, maxBytes: 1 })).toMatchObject({
      status: 'NO_MESSAGE_IN_QUEUE',
    });
    await expect(store.recordAt(0)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    disk.letGo();
    await until(() => acknowledged === 3);
    expect(await readTexts(store)).toEqual(texts(3));
    await store.close();
  });

  it('fills the next batch while one is synced, and syncs it with a single further sync', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const { store } = await openStore(disk);
    disk.hold();
    const order: string[] = [];
    store.put(message('first'), () => order.push('first'));
    await until(() => disk.held === 1);
    for (const each of texts(20)) store.put(message(each), () => order.push(each));
    expect(disk.held).toBe(1);
    disk.letGo();
    disk.hold();
    await until(() => disk.held === 2);
    expect(order).toEqual(['first']);
    disk.letGo();
    await until(() => order.length === 21);
    expect(order).toEqual(['first', ...texts(20)]);
    expect(disk.held).toBe(2);
    await store.close();
  });

  it('never has more than one batch on its way to the disk', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk, { batchBytes: 8 * 1024 });
    const from = disk.operations.length;
    await Promise.all(texts(200, 900).map((each) => store.putAsync(message(each))));
    const log = disk.operations
      .slice(from)
      .filter((operation: Operation) => /commitlog\/\d{20}$/.test(operation.path))
      .map((operation) => operation.name)
      .filter((name) => name === 'write' || name === 'datasync');
    let writes = 0;
    for (const name of log) {
      writes = name === 'write' ? writes + 1 : 0;
      expect(writes).toBeLessThanOrEqual(2);
    }
    expect(log.filter((name) => name === 'datasync').length).toBeGreaterThan(5);
    await store.close();
  });

  it('acknowledges messages of all queues in the order of the log', async () => {
    const { store } = await openStore();
    const offsets: number[] = [];
    await new Promise<void>((resolve) => {
      for (let index = 0; index < 500; index++)
        store.put(message('x'.repeat(index), { queueId: index % 4 }), (_error, result) => {
          offsets.push(result!.physicalOffset);
          if (offsets.length === 500) resolve();
        });
    });
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    await store.close();
  });

  it('takes puts from within an acknowledgement', async () => {
    const { store } = await openStore();
    await new Promise<void>((resolve) => {
      let left = 300;
      const again = (): void => {
        if (--left === 0) resolve();
        else store.put(message(`message ${left}`), again);
      };
      store.put(message('begin'), again);
    });
    expect(store.maxOffset(TOPIC, 0)).toBe(300);
    await store.close();
  });

  it('goes on when a callback throws', async () => {
    const { store } = await openStore();
    store.put(message('first'), () => {
      throw new Error('not the store’s fault');
    });
    await store.putAsync(message('second'));
    expect(await readTexts(store)).toEqual(['first', 'second']);
    await store.close();
  });

  it('in async mode acknowledges what is written and syncs it within half a second', async () => {
    const clock = new VirtualClock();
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk, { flush: 'async', checkpointMillis: 60_000 }, { clock });
    await store.putAsync(message('written'));
    expect(store.visibleOffset).toBeGreaterThan(0);
    expect(store.health().durableOffset).toBe(0);
    await clock.advance(500);
    expect(store.health().durableOffset).toBe(store.visibleOffset);
    await store.close();
  });

  it('refuses more when too much waits for a disk that has stopped', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const { store } = await openStore(disk, { segmentBytes: 16 * 1024 * 1024 });
    disk.hold();
    const large = 'x'.repeat(1024 * 1024);
    const waiting = Array.from({ length: 60 }, () => store.putAsync(message(large)));
    for (let index = 0; index < 8; index++) store.put(message(large), () => undefined);
    await expect(store.putAsync(message('one too many'))).rejects.toMatchObject({
      code: 'BROKER_BUSY',
      retryable: true,
    });
    disk.letGo();
    await Promise.all(waiting);
    await store.close();
  });

  it('refuses a batch as a whole or not at all when so much waits for the disk', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const { store } = await openStore(disk, { segmentBytes: 16 * 1024 * 1024 });
    disk.hold();
    const large = 'x'.repeat(1024 * 1024);
    const waiting = Array.from({ length: 59 }, () => store.putAsync(message(large)));
    const batch = new Promise<unknown>((resolve) => {
      store.putBatch(
        Array.from({ length: 8 }, () => message(large, { queueId: 1 })),
        (error, outcomes) => resolve(error ?? outcomes),
      );
    });
    disk.letGo();
    await Promise.all(waiting);
    expect(await batch).toMatchObject({ count: 8, failed: false });
    expect(store.maxOffset(TOPIC, 1)).toBe(8);
    await store.close();
  });
});
