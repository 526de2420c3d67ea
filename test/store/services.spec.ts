import { describe, expect, it } from '@jest/globals';
import { SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { message, openStore, putAll, readTexts, texts, TOPIC, VirtualClock } from './support.js';

const START = 1_767_225_600_000;
const HOUR = 3_600_000;

describe('the services of a store', () => {
  it('deliver a parked message when it is due, also when the store was down or lost power meanwhile', async () => {
    const disk = new SimulatedFileSystem();
    const clock = new VirtualClock(START);
    const { store } = await openStore(disk, {}, { clock });
    await store.createTopic('SCHEDULE_TOPIC_XXXX', { readQueueNums: 18, writeQueueNums: 18 });
    const parked = (body: string, level: number) =>
      store.putAsync(
        message(body, {
          topic: 'SCHEDULE_TOPIC_XXXX',
          queueId: level - 1,
          properties: `DELAY\x01${level}\x02REAL_TOPIC\x01${TOPIC}\x02REAL_QID\x011\x02`,
        }),
      );
    await parked('after a second', 1);
    await parked('after a minute', 5);
    await clock.advance(999);
    expect(await readTexts(store, 1)).toEqual([]);
    await clock.advance(2);
    expect(await readTexts(store, 1)).toEqual(['after a second']);
    const later = new VirtualClock(START + HOUR);
    const again = await openStore(disk.crashImage('none', new SeededRandom(1)), {}, { clock: later });
    await later.advance(10);
    expect(await readTexts(again.store, 1)).toEqual(['after a second', 'after a minute']);
    await again.store.close();
  });

  it('take expired segments away, and only those', async () => {
    const clock = new VirtualClock(START);
    const retention = { ageMillis: 10 * HOUR, strict: true, checkMillis: HOUR };
    const { store } = await openStore(new SimulatedFileSystem(), { retention }, { clock });
    await putAll(store, texts(150, 900));
    await clock.advance(9 * HOUR);
    expect(store.log.startOffset).toBe(0);
    await putAll(store, texts(150, 900, 150));
    await clock.advance(2 * HOUR);
    const min = store.minOffset(TOPIC, 0);
    expect(store.log.startOffset).toBeGreaterThan(0);
    expect(min).toBeLessThanOrEqual(150);
    expect(await readTexts(store)).toEqual(texts(300 - min, 900, min));
    await store.close();
  });
});
