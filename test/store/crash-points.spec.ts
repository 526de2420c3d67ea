import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES, type CrashPolicy, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { lyingAboutSyncs, message, openStore, readAll, text, texts, TOPIC } from './support.js';

interface Image {
  readonly at: string;
  readonly policy: CrashPolicy;
  readonly disk: SimulatedFileSystem;
  /** Messages of queue 0 whose acknowledgement had come when the power failed. */
  readonly acknowledged: number;
  readonly deletedBelow: number;
}

const MESSAGES = 150;

/**
 * Appends over several segments, with checkpoints and the deletion of segments in between, and takes what a power loss
 * leaves before every n-th operation of the disk.
 */
async function images(policy: CrashPolicy, every: number, lying = false): Promise<Image[]> {
  const disk = new SimulatedFileSystem();
  const { store } = await openStore(lying ? lyingAboutSyncs(disk) : disk, {
    segmentBytes: 16 * 1024,
    batchBytes: 8 * 1024,
  });
  const found: Image[] = [];
  let acknowledged = 0;
  disk.onOperation((operation) => {
    if (operation.number % every !== 0) return;
    found.push({
      at: `${operation.number} ${operation.name} ${operation.path}`,
      policy,
      disk: disk.crashImage(policy, new SeededRandom(operation.number)),
      acknowledged,
      deletedBelow: store.log.startOffset,
    });
  });
  for (let index = 0; index < MESSAGES; index += 5) {
    await Promise.all(texts(5, 500, index).map((each) => store.putAsync(message(each)).then(() => acknowledged++)));
    if (index % 40 === 35) await store.checkpoint();
    if (index % 50 === 45) await store.log.deleteOldestSegment();
  }
  await store.close();
  return found;
}

async function check(image: Image): Promise<void> {
  const label = `${image.policy} before operation ${image.at}`;
  const { store } = await openStore(image.disk, { segmentBytes: 16 * 1024, batchBytes: 8 * 1024 });
  const records = await readAll(store);
  const min = store.minOffset(TOPIC, 0);
  const max = store.maxOffset(TOPIC, 0);
  expect([label, max >= image.acknowledged, store.log.startOffset >= image.deletedBelow]).toEqual([label, true, true]);
  expect([label, records.length]).toEqual([label, max - min]);
  for (const [index, record] of records.entries())
    expect([label, record.queueOffset, record.body.toString()]).toEqual([label, min + index, text(min + index, 500)]);
  // Whatever had been there, the next message gets the next offset, and all of it survives the next power loss.
  const next = await store.putAsync(message('next'));
  expect([label, next.queueOffset]).toEqual([label, max]);
  const again = await openStore(image.disk.crashImage('random-pages', new SeededRandom(7)), {});
  expect([label, again.store.maxOffset(TOPIC, 0), again.store.minOffset(TOPIC, 0)]).toEqual([label, max + 1, min]);
  await again.store.close();
}

describe('a power loss at any moment', () => {
  it.each(CRASH_POLICIES)(
    'keeps what was acknowledged and shows nothing that was not sent: %s',
    async (policy) => {
      const all = await images(policy, 3);
      expect(all.length).toBeGreaterThan(80);
      for (const image of all) await check(image);
    },
    60_000,
  );
});
