import { afterEach, describe, expect, it } from '@jest/globals';
import {
  decodeProperties,
  encodeProperties,
  MessagingError,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
  type MessageRecord,
} from '../../../lib/protocol/index.js';
import { TopicTable } from '../../../lib/store/state/topic-table.js';
import { TimerIndex } from '../../../lib/store/timers/timer-index.js';
import { TimerService } from '../../../lib/store/timers/timer-service.js';
import { memoryWorld, STATE, type World } from '../state/world.js';
import { FakeLog, storeMessage } from './fake-log.js';

const QUEUES = { readQueueNums: 4, writeQueueNums: 4 };
const MINUTE = 60_000;

interface Process {
  readonly platform: World;
  readonly log: FakeLog;
  readonly topics: TopicTable;
  readonly index: TimerIndex;
  readonly timers: TimerService;
}

const running: TimerService[] = [];

async function start(before?: Pick<Process, 'platform' | 'log'>): Promise<Process> {
  const platform = before?.platform ?? (await memoryWorld());
  const log = before?.log ?? new FakeLog(platform.clock);
  const topics = await TopicTable.open(platform, STATE);
  for (const name of ['orders', '%RETRY%billing', TIMER_TOPIC, SCHEDULE_TOPIC]) {
    if (topics.get(name) === undefined && before === undefined) await topics.create(name, QUEUES, 0);
  }
  const index = await TimerIndex.open(platform, STATE, log.segmentBytes);
  log.targets.length = 0;
  log.lost = false;
  log.replay(index);
  log.targets.push(index);
  const timers = new TimerService(index, log, topics, platform);
  timers.start();
  running.push(timers);
  return { platform, log, topics, index, timers };
}

afterEach(() => {
  // Not awaited: the processes that died in a test never get an answer to what they appended.
  for (const timers of running.splice(0)) void timers.stop();
});

function parked(
  deliverAt: number,
  extra: [string, string][] = [],
  topic = 'orders',
  queue = 1,
): Partial<MessageRecord> {
  return {
    topic: TIMER_TOPIC,
    properties: encodeProperties([
      ['TIMER_OUT_MS', String(deliverAt)],
      ['TIMER_DELIVER_MS', String(deliverAt)],
      ['REAL_TOPIC', topic],
      ['REAL_QID', String(queue)],
      ...extra,
    ]),
  };
}

describe('TimerService', () => {
  it('delivers at the time, never before, once', async () => {
    const { platform, log } = await start();
    const at = platform.clock.now() + 90_500;
    await log.append(parked(at));
    await platform.clock.advance(90_499);
    expect(log.of('orders')).toHaveLength(0);
    await platform.clock.advance(1);
    expect(log.of('orders')).toHaveLength(1);
    expect(log.of('orders')[0]!.storeTimestamp).toBe(at);
    await platform.clock.advance(600_000);
    expect(log.of('orders')).toHaveLength(1);
  });

  it('delivers the message as it was sent: body, tags, keys, id, born data; without what made it wait', async () => {
    const { platform, log } = await start();
    const kept: [string, string][] = [
      ['UNIQ_KEY', 'AC11'],
      ['KEYS', 'a b'],
      ['TAGS', 'paid'],
      ['mine', 'x'],
    ];
    await log.append({
      ...parked(platform.clock.now() + 5, [...kept, ['TIMER_DELAY_MS', '5'], ['TIMER_ENQUEUE_MS', '1']]),
      body: Buffer.from('the order'),
      flag: 3,
      reconsumeTimes: 2,
      bornTimestamp: 77,
      bornHost: '10.1.2.3:99',
    });
    await platform.clock.advance(10);
    const [delivered] = log.of('orders');
    expect(delivered).toMatchObject({
      queueId: 1,
      queueOffset: 0,
      flag: 3,
      reconsumeTimes: 2,
      bornTimestamp: 77,
      bornHost: '10.1.2.3:99',
    });
    expect(delivered!.body.toString()).toBe('the order');
    expect([...decodeProperties(delivered!.properties)]).toEqual([...kept, ['NESTMQ_TIMER_SOURCE', '0']]);
  });

  it('leaves REAL_TOPIC and REAL_QID on what was delayed by a level, as RocketMQ does', async () => {
    const { platform, log } = await start();
    await log.append({
      topic: SCHEDULE_TOPIC,
      queueId: 2,
      properties: encodeProperties([
        ['DELAY', '3'],
        ['REAL_TOPIC', 'orders'],
        ['REAL_QID', '2'],
      ]),
    });
    await platform.clock.advance(9_999);
    expect(log.of('orders')).toHaveLength(0);
    await platform.clock.advance(1);
    const [delivered] = log.of('orders');
    expect(delivered!.queueId).toBe(2);
    expect([...decodeProperties(delivered!.properties)]).toEqual([
      ['REAL_TOPIC', 'orders'],
      ['REAL_QID', '2'],
      ['NESTMQ_TIMER_SOURCE', '0'],
    ]);
  });

  it('delivers in the order of time, then of the log', async () => {
    const { platform, log } = await start();
    const now = platform.clock.now();
    for (const [name, wait] of [
      ['d', 500],
      ['a', 100],
      ['e', 500],
      ['b', 100],
      ['c', 300],
    ] as const) {
      await log.append({ ...parked(now + wait), body: Buffer.from(name) });
    }
    await platform.clock.advance(200);
    await platform.clock.advance(1_000);
    expect(log.of('orders').map(({ body }) => body.toString())).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('wakes up for an earlier timer while it sleeps for a later one, and sleeps with one timer', async () => {
    const { platform, log } = await start();
    const now = platform.clock.now();
    await log.append(parked(now + 50 * MINUTE));
    await log.append({ ...parked(now + 40), body: Buffer.from('early') });
    expect(platform.clock.pending.length).toBe(1);
    await platform.clock.advance(40);
    expect(log.of('orders').map(({ body }) => body.toString())).toEqual(['early']);
  });

  it('delivers at once what is due when it starts', async () => {
    const first = await start();
    await first.log.append(parked(first.platform.clock.now() + MINUTE));
    await first.timers.close();
    await first.platform.clock.advance(10 * MINUTE);
    expect(first.log.of('orders')).toHaveLength(0);
    const second = await start(first);
    await second.platform.clock.settle();
    expect(second.log.of('orders')).toHaveLength(1);
  });

  it('delivers ten thousand due timers in batches and in order', async () => {
    const { platform, log, timers } = await start();
    const now = platform.clock.now();
    for (let at = 0; at < 10_000; at++) {
      log.put(storeMessage({ ...parked(now + 1_000 + (at % 7)), body: Buffer.from(String(at)) }), () => undefined);
    }
    await platform.clock.advance(1_010);
    expect(timers.stats.delivered).toBe(10_000);
    const order = log.of('orders').map(({ body }) => Number(body.toString()));
    expect(order).toEqual(order.toSorted((a, b) => (a % 7) - (b % 7) || a - b));
  });

  it('does not deliver twice when the wall clock is set back', async () => {
    const { platform, log } = await start();
    await log.append(parked(platform.clock.now() + 1_000));
    await log.append(parked(platform.clock.now() + 3_000));
    await platform.clock.advance(1_000);
    expect(log.of('orders')).toHaveLength(1);
    platform.clock.jumpWallTime(-10_000);
    await platform.clock.advance(5_000);
    expect(log.of('orders')).toHaveLength(1);
    await platform.clock.advance(7_000);
    expect(log.of('orders')).toHaveLength(2);
  });

  it('notices within a minute that the wall clock has been set forward', async () => {
    const { platform, log } = await start();
    const at = platform.clock.now() + 10 * MINUTE;
    await log.append(parked(at));
    platform.clock.jumpWallTime(20 * MINUTE);
    await platform.clock.advance(MINUTE);
    expect(log.of('orders')).toHaveLength(1);
    expect(log.of('orders')[0]!.storeTimestamp).toBeGreaterThanOrEqual(at);
  });

  it('is never early by the clock that stamps, even when that is set back while the record is read', async () => {
    const { platform, log } = await start();
    const at = platform.clock.now() + 1_000;
    await log.append(parked(at));
    log.onRead = () => {
      log.onRead = undefined;
      platform.clock.jumpWallTime(-500);
    };
    await platform.clock.advance(1_000);
    expect(log.of('orders')).toHaveLength(0);
    await platform.clock.advance(500);
    expect(log.of('orders')[0]!.storeTimestamp).toBe(at);
  });

  it('tries again while there is no room, says so once, and keeps the order', async () => {
    const { platform, log, timers } = await start();
    const now = platform.clock.now();
    await log.append({ ...parked(now + 100), body: Buffer.from('a') });
    await log.append({ ...parked(now + 100), body: Buffer.from('b') });
    log.failures = Array.from({ length: 8 }, () => new MessagingError('DISK_FULL', 'no room'));
    await platform.clock.advance(150);
    expect(timers.stats).toMatchObject({ pending: 2, stalled: 'no room' });
    await platform.clock.advance(10_000);
    expect(log.of('orders').map(({ body }) => body.toString())).toEqual(['a', 'b']);
    expect(timers.stats).toMatchObject({ pending: 0, stalled: undefined, delivered: 2 });
    expect(platform.logger.at('warn')).toHaveLength(1);
  });

  it('stops when the store is fenced', async () => {
    const { platform, log, timers } = await start();
    await log.append(parked(platform.clock.now() + 100));
    log.failures = [new MessagingError('STORE_FENCED', 'a sync failed')];
    await platform.clock.advance(60 * MINUTE);
    expect(log.of('orders')).toHaveLength(0);
    expect(timers.stats).toMatchObject({ pending: 1, stalled: 'a sync failed' });
    expect(platform.logger.at('error')).toHaveLength(1);
  });

  it('delivers again after a crash before the delivery was durable, and not after one behind it', async () => {
    const first = await start();
    await first.log.append(parked(first.platform.clock.now() + 100));
    await first.index.state.save();
    first.log.lost = true;
    await first.platform.clock.advance(200);
    expect(first.log.of('orders')).toHaveLength(0);
    // What was appended and never became visible is gone.
    first.log.records.length = first.log.visibleOffset / 100;

    const second = await start(first);
    await second.platform.clock.advance(200);
    expect(second.log.of('orders')).toHaveLength(1);

    const third = await start(second);
    await third.platform.clock.advance(10 * MINUTE);
    expect(third.log.of('orders')).toHaveLength(1);
    expect(third.timers.pending).toBe(0);
  });

  it('keeps a waiting retry of a group that has gone as a dead letter', async () => {
    const { platform, log, topics, timers } = await start();
    await log.append({
      ...parked(
        platform.clock.now() + 100,
        [
          ['RETRY_TOPIC', 'orders'],
          ['UNIQ_KEY', 'AC11'],
        ],
        '%RETRY%billing',
        0,
      ),
      reconsumeTimes: 4,
    });
    await topics.delete('%RETRY%billing', log.visibleOffset);
    await platform.clock.advance(200);
    const [letter] = log.of('%DLQ%billing');
    expect(Object.fromEntries(decodeProperties(letter!.properties))).toMatchObject({
      UNIQ_KEY: 'AC11',
      RETRY_TOPIC: 'orders',
      NESTMQ_DLQ_ATTEMPTS: '4',
      NESTMQ_DLQ_TOPIC: 'orders',
      NESTMQ_DLQ_ERROR_CLASS: 'TopicDeleted',
    });
    expect(topics.get('%DLQ%billing')).toBeDefined();
    expect(timers.stats).toMatchObject({ deadLettered: 1, pending: 0 });
  });

  it('drops a message whose topic was deleted meanwhile, by name, and for good', async () => {
    const first = await start();
    await first.log.append(parked(first.platform.clock.now() + 100, [['UNIQ_KEY', 'AC11']]));
    await first.topics.delete('orders', first.log.visibleOffset);
    await first.platform.clock.advance(200);
    expect(first.timers.stats).toMatchObject({ dropped: 1, pending: 0 });
    expect(first.platform.logger.at('warn')).toEqual([expect.stringMatching(/topic orders was deleted.*AC11/)]);
    await first.topics.create('orders', QUEUES, first.log.visibleOffset);
    const second = await start(first);
    await second.platform.clock.advance(MINUTE);
    expect(second.log.of('orders')).toHaveLength(0);
  });

  it('does not deliver to a successor of the topic that it was sent to', async () => {
    const { platform, log, topics, timers } = await start();
    await log.append(parked(platform.clock.now() + 100));
    await topics.delete('orders', log.visibleOffset);
    await topics.create('orders', QUEUES, log.visibleOffset);
    await platform.clock.advance(200);
    expect(log.of('orders')).toHaveLength(0);
    expect(timers.stats.dropped).toBe(1);
  });

  it('gives up a parked record that is damaged, and goes on with the others', async () => {
    const { platform, log, timers } = await start();
    const now = platform.clock.now();
    const damaged = await log.append(parked(now + 100));
    await log.append(parked(now + 101));
    log.unreadable.add(damaged.physicalOffset);
    await platform.clock.advance(200);
    expect(timers.stats).toMatchObject({ delivered: 1, dropped: 1, pending: 0 });
  });

  it('delivers into a queue that still exists when the topic was narrowed', async () => {
    const { platform, log, topics } = await start();
    await log.append(parked(platform.clock.now() + 100, [], 'orders', 3));
    await topics.update('orders', { readQueueNums: 2, writeQueueNums: 2 });
    await platform.clock.advance(200);
    expect(log.of('orders')[0]!.queueId).toBe(1);
  });
});
