import { describe, expect, it } from '@jest/globals';
import { type Fault, MemoryFileSystem, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { MessagingError } from '../../lib/protocol/index.js';
import { message, openStore, putAll, readAll, readTexts, text, texts, TOPIC } from './support.js';

const OPTIONS = { segmentBytes: 16 * 1024, batchBytes: 8 * 1024 };

/** Puts, checkpoints and a deletion with one fault in between; returns what was acknowledged, by queue offset. */
async function withFault(fault: Omit<Fault, 'at'>, after: number): Promise<boolean> {
  const disk = new SimulatedFileSystem();
  const { store } = await openStore(disk, OPTIONS);
  disk.inject({ ...fault, at: disk.operations.length + after });
  const acknowledged = new Map<number, string>();
  const label = `${fault.kind} ${fault.lasts} ${after}`;
  for (let index = 0; index < 60; index += 5) {
    const results = await Promise.allSettled(texts(5, 500, index).map((each) => store.putAsync(message(each))));
    for (const [at, result] of results.entries()) {
      if (result.status === 'fulfilled') acknowledged.set(result.value.queueOffset, text(index + at, 500));
      else expect([label, result.reason instanceof MessagingError]).toEqual([label, true]);
    }
    if (index % 20 === 15) await store.checkpoint();
    if (index === 30) await store.log.deleteOldestSegment().catch(() => undefined);
  }
  const hit = disk.faultHits > 0;
  disk.clearFaults();
  await store.close();
  const again = await openStore(disk.crashImage('none', new SeededRandom(after)), OPTIONS);
  const min = again.store.minOffset(TOPIC, 0);
  const found = new Map((await readAll(again.store)).map((record) => [record.queueOffset, record.body.toString()]));
  for (const [offset, body] of acknowledged)
    if (offset >= min) expect([label, offset, found.get(offset)]).toEqual([label, offset, body]);
  await again.store.close();
  return hit;
}

describe('one fault at any operation of the disk', () => {
  it.each([
    { kind: 'EIO', lasts: 'once' },
    { kind: 'EIO', lasts: 'from' },
    { kind: 'ENOSPC', lasts: 'once' },
    { kind: 'ENOSPC', lasts: 'from' },
    { kind: 'short', lasts: 'once' },
  ] as const)(
    'takes no acknowledged message: $kind, $lasts',
    async (fault) => {
      let hits = 0;
      for (let after = 0; after < 120; after += 2) if (await withFault(fault, after)) hits++;
      expect(hits).toBeGreaterThan(5);
    },
    60_000,
  );
});

describe('one changed byte anywhere in the log', () => {
  it('is cut at the end or reported in the middle, and nothing is delivered that was not sent', async () => {
    const random = new SeededRandom(3);
    const pristine = new MemoryFileSystem();
    const first = await openStore(pristine, OPTIONS);
    await putAll(first.store, texts(60, 500));
    await first.store.close();
    const segments = (await pristine.list('/store/commitlog')).filter((name) => /^\d+$/.test(name));
    const outcomes = { whole: 0, cut: 0, reported: 0 };
    for (let round = 0; round < 150; round++) {
      const fileSystem = new MemoryFileSystem();
      const { store } = await openStore(fileSystem, OPTIONS);
      await putAll(store, texts(60, 500));
      await store.close();
      for (const name of ['checkpoint', 'checkpoint.previous', 'state/timers', 'state/timers.previous'])
        await fileSystem.remove(`/store/${name}`);
      const file = await fileSystem.open(`/store/commitlog/${segments[random.below(segments.length)]!}`, 'write');
      const position = random.below(await file.size());
      const byte = Buffer.alloc(1);
      await file.read(byte, position);
      byte[0]! ^= 1 << random.below(8);
      await file.write(byte, position);
      await file.close();
      try {
        const again = await openStore(fileSystem, OPTIONS);
        const kept = await readTexts(again.store);
        expect(kept).toEqual(texts(kept.length, 500));
        if (kept.length === 60) outcomes.whole++;
        else outcomes.cut++;
        await again.store.close();
      } catch (error) {
        expect(error).toMatchObject({ code: 'STORE_DAMAGED' });
        outcomes.reported++;
      }
    }
    expect(outcomes.reported).toBeGreaterThan(60);
    expect(outcomes.cut).toBeGreaterThan(0);
  }, 60_000);
});
