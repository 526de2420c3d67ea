import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import { FlushClock } from '../../lib/store/commitlog/flush-times.js';
import { holdingBack, message, openStore, until, VirtualClock } from './support.js';

describe('flush times', () => {
  it('count each duration in all classes that it fits', () => {
    const clock = new FlushClock();
    for (const millis of [0, 0.1, 0.2, 3, 60_000]) clock.add(millis);
    const { count, totalMillis, within } = clock.times();
    expect([count, totalMillis]).toEqual([5, 60_003.3]);
    const upTo = new Map(within.map((each) => [each.millis, each.count]));
    expect([0.1, 0.25, 2.5, 5, 5000].map((millis) => upTo.get(millis))).toEqual([2, 3, 3, 4, 4]);
  });

  it('are those of the disk, whatever a message waited before', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const clock = new VirtualClock();
    const { store } = await openStore(disk, {}, { clock });
    const before = store.health().flushes;
    disk.hold();
    const put = store.putAsync(message('slow'));
    await until(() => disk.held === 1);
    await clock.advance(40);
    disk.letGo();
    await put;
    const { count, totalMillis, within } = store.health().flushes;
    expect([count - before.count, totalMillis - before.totalMillis]).toEqual([1, 40]);
    const added = within.filter((each, index) => each.count > before.within[index]!.count).map(({ millis }) => millis);
    expect(added[0]).toBe(50);
    await store.close();
  });
});
