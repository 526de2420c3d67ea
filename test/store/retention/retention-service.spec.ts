import { describe, expect, it } from '@jest/globals';
import {
  decodeProperties,
  encodeProperties,
  getProperty,
  MessagingError,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
} from '../../../lib/protocol/index.js';
import { RetentionService } from '../../../lib/store/retention/retention-service.js';
import { ConsumerProgress } from '../../../lib/store/state/consumer-progress.js';
import { GroupTable } from '../../../lib/store/state/group-table.js';
import { LetterState, SettledLetters } from '../../../lib/store/state/settled-letters.js';
import { TopicTable } from '../../../lib/store/state/topic-table.js';
import { TimerIndex } from '../../../lib/store/timers/timer-index.js';
import { TimerService } from '../../../lib/store/timers/timer-service.js';
import type { RetentionOptions } from '../../../lib/store/types.js';
import { FakeLog } from '../timers/fake-log.js';
import { memoryWorld, STATE, type World } from '../state/world.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const QUEUES = { readQueueNums: 1, writeQueueNums: 1 };

async function start(options: RetentionOptions = {}, before?: { platform: World; log: FakeLog }) {
  const platform = before?.platform ?? (await memoryWorld());
  const log = before?.log ?? new FakeLog(platform.clock);
  const topics = await TopicTable.open(platform, STATE);
  for (const name of ['orders', '%RETRY%billing', '%DLQ%billing', TIMER_TOPIC, SCHEDULE_TOPIC]) {
    if (topics.get(name) === undefined) await topics.create(name, { readQueueNums: 18, writeQueueNums: 18 }, 0);
  }
  const groups = await GroupTable.open(platform, STATE);
  const progress = await ConsumerProgress.open(platform, STATE, (topic) => topics.get(topic)?.number);
  const settled = await SettledLetters.open(platform, STATE, (number) => topics.ofNumber(number) !== undefined);
  const index = await TimerIndex.open(platform, STATE, log.segmentBytes);
  log.targets.length = 0;
  log.replay(index);
  log.targets.push(index);
  const timers = new TimerService(index, log, topics, platform);
  timers.start();
  const synced: number[] = [];
  const retention = await RetentionService.open(
    { checkMillis: HOUR, ...options },
    {
      log,
      syncLog: () => {
        synced.push(log.visibleOffset);
        return Promise.resolve();
      },
      targets: [],
      topics,
      groups,
      progress,
      settled,
      timers,
    },
    platform,
    STATE,
  );
  retention.start();
  const fill = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) await log.append({});
  };
  const stop = async (): Promise<void> => {
    await retention.close();
    await timers.close();
    await progress.close();
    await settled.close();
    await groups.close();
    await topics.close();
  };
  return { platform, log, topics, groups, progress, settled, index, timers, retention, fill, stop, synced };
}

const timer = (deliverAt: number) => ({
  topic: TIMER_TOPIC,
  properties: encodeProperties([
    ['TIMER_OUT_MS', String(deliverAt)],
    ['REAL_TOPIC', 'orders'],
    ['REAL_QID', '0'],
    ['UNIQ_KEY', 'AC11'],
  ]),
});

const letter = (failedAt: number, key = 'AC22') => ({
  topic: '%DLQ%billing',
  properties: encodeProperties([
    ['UNIQ_KEY', key],
    ['NESTMQ_DLQ_LAST_FAILED_AT', String(failedAt)],
  ]),
});

describe('RetentionService', () => {
  it('takes whole segments 72 hours after their newest record, never the one that is appended to', async () => {
    const { platform, log, retention, fill } = await start();
    await fill(15);
    await platform.clock.advance(HOUR);
    await fill(10);
    await platform.clock.advance(70 * HOUR);
    expect(log.startOffset).toBe(0);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(1_000);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(2_000);
    await platform.clock.advance(1_000 * HOUR);
    expect(log.startOffset).toBe(2_000);
    expect(retention.stats.deletedSegments).toBe(2);
  });

  it('takes all that has expired at one check, so that no writer is faster than it', async () => {
    const { platform, log, retention, fill } = await start();
    await fill(355);
    await platform.clock.advance(72 * HOUR);
    expect(retention.stats.deletedSegments).toBe(35);
    expect(log.startOffset).toBe(35_000);
  });

  it('keeps what an active group has before it, and lets go when it has passed', async () => {
    const { platform, log, groups, progress, retention, fill } = await start();
    await groups.ensure('billing', ['orders'], 0);
    groups.touch('billing', true);
    await fill(25);
    progress.commit('billing', 'orders', 0, 9);
    await platform.clock.advance(30 * DAY);
    expect(log.startOffset).toBe(0);
    expect(retention.stats.heldBack).toEqual({ group: 'billing', topic: 'orders', queueId: 0 });
    progress.commit('billing', 'orders', 0, 10);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(1_000);
    progress.commit('billing', 'orders', 0, 25);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(2_000);
    expect(retention.stats.heldBack).toBeUndefined();
  });

  it('counts retries of the group like the topic itself', async () => {
    const { platform, log, groups, progress, retention, fill } = await start();
    await groups.ensure('billing', ['orders'], 0);
    groups.touch('billing', true);
    await log.append({ topic: '%RETRY%billing' });
    await fill(25);
    progress.commit('billing', 'orders', 0, 25);
    await platform.clock.advance(4 * DAY);
    expect(retention.stats.heldBack?.topic).toBe('%RETRY%billing');
    progress.commit('billing', '%RETRY%billing', 0, 1);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(2_000);
  });

  it('waits seven days for a group that is away, and no longer', async () => {
    const { platform, log, groups, fill } = await start();
    await groups.ensure('billing', ['orders'], 0);
    groups.touch('billing', false);
    await fill(15);
    await platform.clock.advance(7 * DAY - HOUR);
    expect(log.startOffset).toBe(0);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(1_000);
  });

  it('does not let a broadcasting group hold back anything', async () => {
    const { platform, log, groups, fill } = await start();
    await groups.ensure('news', ['orders'], 0, { broadcast: true });
    groups.touch('news', true);
    await fill(15);
    await platform.clock.advance(72 * HOUR);
    expect(log.startOffset).toBe(1_000);
  });

  it('goes by age alone when it is strict', async () => {
    const { platform, log, groups, fill } = await start({ strict: true });
    await groups.ensure('billing', ['orders'], 0);
    groups.touch('billing', true);
    await fill(15);
    await platform.clock.advance(72 * HOUR);
    expect(log.startOffset).toBe(1_000);
  });

  it.each([30, -30])('expires nothing because the wall clock jumps by %i days', async (days) => {
    const { platform, log, groups, fill } = await start();
    await fill(15);
    await platform.clock.advance(HOUR);
    platform.clock.jumpWallTime(days * DAY);
    await fill(10);
    await platform.clock.advance(70 * HOUR);
    expect(log.startOffset).toBe(0);
    await platform.clock.advance(3 * HOUR);
    expect(log.startOffset).toBe(2_000);
    await groups.ensure('billing', ['orders'], 0);
    groups.touch('billing', false);
    await fill(20);
    await platform.clock.advance(4 * DAY);
    platform.clock.jumpWallTime(30 * DAY);
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(2_000);
  });

  it('carries a timer of 120 days along, past many segments and restarts, and delivers it in time', async () => {
    let now = await start();
    const { platform, log } = now;
    const due = platform.clock.now() + 120 * DAY;
    await log.append(timer(due));
    for (let day = 0; day < 119; day++) {
      await now.fill(11);
      await platform.clock.advance(DAY);
      if (day % 20 !== 19) continue;
      await now.stop();
      now = await start({}, { platform, log });
    }
    expect(log.startOffset).toBeGreaterThan(100_000);
    expect(now.timers.pending).toBe(1);
    expect(log.of('orders').some(({ properties }) => getProperty(properties, 'UNIQ_KEY') === 'AC11')).toBe(false);
    await platform.clock.advance(DAY - 1);
    expect(now.timers.pending).toBe(1);
    await platform.clock.advance(1);
    const delivered = log.of('orders').filter(({ properties }) => getProperty(properties, 'UNIQ_KEY') === 'AC11');
    expect(delivered).toHaveLength(1);
    expect(delivered[0]!.storeTimestamp).toBe(due);
    expect([...decodeProperties(delivered[0]!.properties).keys()]).toEqual(['UNIQ_KEY', 'NESTMQ_TIMER_SOURCE']);
    expect(now.timers.pending).toBe(0);
  });

  it('keeps the time of a level that waits in an expiring segment', async () => {
    const { platform, log, fill, timers } = await start({ ageMillis: HOUR, checkMillis: 60_000 });
    await log.append({
      topic: SCHEDULE_TOPIC,
      queueId: 17,
      properties: encodeProperties([
        ['DELAY', '18'],
        ['REAL_TOPIC', 'orders'],
        ['REAL_QID', '0'],
        ['UNIQ_KEY', 'AC11'],
      ]),
    });
    const due = platform.clock.now() + 2 * HOUR;
    await fill(15);
    await platform.clock.advance(HOUR + 60_000);
    expect(log.startOffset).toBe(1_000);
    expect(timers.stats).toMatchObject({ pending: 1, nextDueAt: due });
    await platform.clock.advance(HOUR);
    const delivered = log.of('orders').filter(({ properties }) => getProperty(properties, 'UNIQ_KEY') === 'AC11');
    expect(delivered.map(({ storeTimestamp }) => storeTimestamp)).toEqual([due]);
  });

  it('keeps dead letters for fourteen days from their last failure, under the same id', async () => {
    const { platform, log, fill } = await start();
    const first = await log.append(letter(platform.clock.now()));
    for (let day = 0; day < 13; day++) {
      await fill(10);
      await platform.clock.advance(DAY);
    }
    const alive = () => log.of('%DLQ%billing').filter(({ physicalOffset }) => physicalOffset >= log.startOffset);
    expect(log.startOffset).toBeGreaterThan(0);
    expect(alive()).toHaveLength(1);
    const properties = decodeProperties(alive()[0]!.properties);
    expect(properties.get('UNIQ_KEY')).toBe('AC22');
    expect(properties.get('NESTMQ_FIRST_STORED_AT')).toBe(String(first.storeTimestamp));
    expect(alive()[0]!.body.equals(first.body)).toBe(true);
    for (let day = 0; day < 8; day++) {
      await fill(10);
      await platform.clock.advance(DAY);
    }
    expect(alive()).toHaveLength(0);
  });

  it('lets dead letters go with the log once they were resent or removed', async () => {
    const { platform, log, topics, settled, fill } = await start();
    for (let at = 0; at < 3; at++) await log.append(letter(platform.clock.now(), `KEY${at}`));
    const { number } = topics.get('%DLQ%billing')!;
    await settled.mark(number, 0, [0], LetterState.RESENT, 0);
    await settled.mark(number, 0, [2], LetterState.REMOVED, 0);
    for (let day = 0; day < 6; day++) {
      await fill(10);
      await platform.clock.advance(DAY);
    }
    const alive = log.of('%DLQ%billing').filter(({ physicalOffset }) => physicalOffset >= log.startOffset);
    expect(alive.map(({ properties }) => decodeProperties(properties).get('UNIQ_KEY'))).toEqual(['KEY1']);
  });

  it('disturbs a group that reads the dead letters once, not at every copy', async () => {
    const { platform, log, groups, progress, fill } = await start();
    await groups.ensure('undertaker', ['%DLQ%billing'], 0);
    groups.touch('undertaker', true);
    await log.append(letter(platform.clock.now()));
    for (let day = 0; day < 13; day++) {
      progress.commit('undertaker', '%DLQ%billing', 0, log.maxOffset('%DLQ%billing', 0));
      await fill(10);
      await platform.clock.advance(DAY);
    }
    expect(log.of('%DLQ%billing')).toHaveLength(2);
    expect(log.startOffset).toBeGreaterThan(5_000);
  });

  it('makes each copy once although the process dies between two of them', async () => {
    const first = await start();
    const { platform, log, fill } = first;
    for (let at = 0; at < 6; at++) await log.append(letter(platform.clock.now(), `KEY${at}`));
    await log.append(timer(platform.clock.now() + 90 * DAY));
    await fill(10);
    await platform.clock.advance(71 * HOUR);
    const broken = new MessagingError('STORE_FENCED', 'the power failed');
    log.failures = [undefined, undefined, undefined, undefined, broken, broken, broken];
    await platform.clock.advance(HOUR);
    expect(log.startOffset).toBe(0);
    expect(log.of('%DLQ%billing')).toHaveLength(9);
    await first.retention.close();
    await first.timers.stop();

    const third = await start({}, { platform, log });
    expect(await third.retention.check()).toBe(1);
    const copies = log.of('%DLQ%billing').filter(({ physicalOffset }) => physicalOffset >= log.startOffset);
    expect(copies.map(({ properties }) => getProperty(properties, 'UNIQ_KEY')).sort()).toEqual([
      'KEY0',
      'KEY1',
      'KEY2',
      'KEY3',
      'KEY4',
      'KEY5',
    ]);
    expect(third.timers.pending).toBe(1);
    expect(third.synced.at(-1)).toBe(log.visibleOffset);
    expect(third.index.safeOffset).toBe(log.visibleOffset);
  });

  it('keeps a segment while one of its timers is being delivered', async () => {
    const { platform, log, index, retention, fill } = await start();
    await log.append(timer(platform.clock.now() + 90 * DAY));
    await fill(15);
    index.heap.take(0);
    await platform.clock.advance(80 * HOUR);
    expect(log.startOffset).toBe(0);
    index.heap.giveBack(0);
    expect(await retention.check()).toBe(1);
  });

  it('lets everything be while there is no room for copies, and goes on by itself', async () => {
    const { platform, log, retention, fill } = await start();
    await log.append(timer(platform.clock.now() + 90 * DAY));
    await fill(15);
    log.failures = [new MessagingError('DISK_FULL', 'no room'), new MessagingError('DISK_FULL', 'no room')];
    await platform.clock.advance(73 * HOUR);
    expect(log.startOffset).toBe(0);
    expect(retention.stats.failure).toBe('no room');
    expect(platform.logger.at('warn')).toHaveLength(1);
    await platform.clock.advance(2 * HOUR);
    expect(log.startOffset).toBe(1_000);
    expect(retention.stats.failure).toBeUndefined();
  });

  it('does not carry along a timer whose topic has been deleted', async () => {
    const { platform, log, topics, timers, fill } = await start();
    await log.append(timer(platform.clock.now() + 90 * DAY));
    await topics.delete('orders', log.visibleOffset);
    await topics.create('orders', QUEUES, log.visibleOffset);
    await fill(15);
    await platform.clock.advance(73 * HOUR);
    expect(log.startOffset).toBe(1_000);
    expect(timers.pending).toBe(0);
    expect(platform.logger.at('warn')).toEqual([expect.stringMatching(/topic orders was deleted.*AC11/)]);
  });
});
