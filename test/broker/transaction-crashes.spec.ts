import { describe, expect, it } from '@jest/globals';
import { type CrashPolicy, SeededRandom, SimulatedFileSystem, VirtualClock } from '../../lib/platform/index.js';
import {
  decodeOffsetMessageId,
  decodeRecord,
  encodeHeartbeatData,
  encodeProperties,
  RequestCode,
  SysFlag,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

const GROUP = 'shop-create';
const HOUR = 3_600_000;
const LETTERS = 'TRANS_CHECK_MAX_TIME_TOPIC';
const TRANSACTIONS = { transactions: { timeoutMillis: 6_000, checkIntervalMillis: 30_000, checkMax: 2 } };
const STORE = { segmentBytes: 16 * 1024, batchBytes: 8 * 1024, retention: { ageMillis: HOUR, checkMillis: HOUR } };

/** What the producer had been told when the power failed. */
interface Told {
  /** Its half messages, by body, with the offsets by which they are ended. */
  readonly halves: Record<string, { commitLogOffset: number; tranStateTableOffset: number; msgId: string }>;
  /** Outcomes that the broker has acknowledged. */
  readonly ended: Record<string, number>;
  /** How often it was asked. */
  readonly checks: Record<string, number>;
  deadLetter: boolean;
  moved: number;
}

interface Crash {
  readonly told: Told;
  readonly disk: SimulatedFileSystem;
  readonly now: number;
  readonly operation: number;
}

const end = (client: TestClient, half: Told['halves'][string], commitOrRollback: number) =>
  client.invoke(RequestCode.END_TRANSACTION, {
    producerGroup: GROUP,
    ...half,
    commitOrRollback,
    fromTransactionCheck: false,
  });

/** Transactions of every fate, on a disk whose power fails before every operation. */
async function live(policy: CrashPolicy): Promise<Crash[]> {
  const disk = new SimulatedFileSystem();
  const random = new SeededRandom(5);
  const told: Told = { halves: {}, ended: {}, checks: {}, deadLetter: false, moved: 0 };
  const crashes: Crash[] = [];
  const clock = new VirtualClock();
  const broker = await TestBroker.start(TRANSACTIONS, disk, STORE, clock);
  disk.onOperation(({ name, number: operation }) => {
    // Asking for free space, once a second, changes nothing.
    if (name === 'diskSpace') return;
    crashes.push({
      told: structuredClone(told),
      disk: disk.crashImage(policy, random),
      now: clock.now(),
      operation,
    });
  });
  const begin = async (client: TestClient, body: string): Promise<void> => {
    const properties = encodeProperties([
      ['TRAN_MSG', 'true'],
      ['PGROUP', GROUP],
    ]);
    const sent = await client.sent('orders', body, { producerGroup: GROUP, queueId: 0, properties });
    const commitLogOffset = decodeOffsetMessageId(sent.msgId).physicalOffset;
    told.halves[body] = { commitLogOffset, tranStateTableOffset: sent.queueOffset, msgId: sent.msgId };
  };
  const finish = async (client: TestClient, body: string, outcome: number): Promise<void> => {
    expect((await end(client, told.halves[body]!, outcome)).code).toBe(0);
    told.ended[body] = outcome;
  };
  const producer = broker.client();
  producer.channel.onRequest((request) => {
    if (request.code !== RequestCode.CHECK_TRANSACTION_STATE) return;
    const body = decodeRecord(request.body!, 0).body.toString();
    told.checks[body] = (told.checks[body] ?? 0) + 1;
  });
  const producerDataSet = [{ groupName: GROUP }];
  const heartbeat = encodeHeartbeatData({ clientID: producer.clientId, producerDataSet, consumerDataSet: [] });
  await producer.invoke(RequestCode.HEART_BEAT, {}, heartbeat);
  await begin(producer, 'committed');
  await finish(producer, 'committed', SysFlag.TRANSACTION_COMMIT);
  await begin(producer, 'rolled back');
  await finish(producer, 'rolled back', SysFlag.TRANSACTION_ROLLBACK);
  await begin(producer, 'forgotten');
  await clock.advance(60_000);
  await begin(producer, 'open');
  await clock.advance(10_000);
  expect(told.checks).toEqual({ forgotten: 2, open: 1 });
  expect(broker.broker.figures()).toMatchObject({ openTransactions: 1, transactionDeadLetters: 1 });
  told.deadLetter = true;
  // From here on nobody is asked, while what the transactions lie in expires, and what they were moved to as well.
  await producer.channel.close();
  const later = broker.client();
  for (let round = 1; round <= 2; round++) {
    for (let at = 0; at < 6; at++) await later.sent('other', 'x'.repeat(4_000));
    await clock.advance(2 * HOUR);
    expect(broker.store.halves.find(told.halves['open']!.commitLogOffset)!.offset).toBeGreaterThan(20_000 * round);
    told.moved = round;
  }
  await finish(later, 'open', SysFlag.TRANSACTION_COMMIT);
  await broker.stop();
  return crashes;
}

/** Where each body is found after a restart. */
async function find(broker: TestBroker): Promise<{ seen: string[]; letters: string[]; open: string[] }> {
  const reader = broker.client();
  const all = async (topic: string): Promise<string[]> => {
    const { store } = broker;
    const bodies: string[] = [];
    for (let at = store.minOffset(topic, 0); at < store.maxOffset(topic, 0); at += 32) {
      const { records } = await reader.pull('reader', topic, 0, at, { sysFlag: 4, subscription: '*' });
      bodies.push(...records.map(({ body }) => body.toString()));
    }
    return bodies;
  };
  const open: string[] = [];
  for (const { offset } of broker.store.halves.all()) open.push((await broker.store.recordAt(offset)).body.toString());
  // Retention has a dead letter twice between its copy and the end of the old segment.
  return { seen: await all('orders'), letters: [...new Set(await all(LETTERS))], open };
}

describe('transactions and a power loss at any moment', () => {
  it.each<CrashPolicy>(['none', 'prefix', 'random-pages'])(
    'each is in one place, as often checked as was told, and ended by the offsets that were told (what was not synced: %s)',
    async (policy) => {
      const crashes = await live(policy);
      expect(crashes.length).toBeGreaterThan(100);
      expect(crashes.some(({ told }) => told.moved === 1)).toBe(true);
      for (const { told, disk, now, operation } of crashes) {
        const broker = await TestBroker.start(TRANSACTIONS, disk, STORE, new VirtualClock(now));
        const { seen, letters, open } = await find(broker);
        const places = [...seen, ...letters, ...open];
        const where = `operation ${operation}: ${JSON.stringify({ seen, letters, open })}`;
        const claim = (what: string, holds: boolean): void => expect([where, what, holds]).toEqual([where, what, true]);
        claim('in one place each', new Set(places).size === places.length);
        claim(
          'only committed ones are seen',
          seen.every((body) => body === 'committed' || body === 'open'),
        );
        claim(
          'only the forgotten one is a dead letter',
          letters.every((body) => body === 'forgotten'),
        );
        for (const [body, half] of Object.entries(told.halves)) {
          const outcome = told.ended[body];
          if (outcome === SysFlag.TRANSACTION_ROLLBACK) claim(`${body} is gone`, !places.includes(body));
          else if (outcome === SysFlag.TRANSACTION_COMMIT) {
            const expired = body === 'committed' && broker.store.log.startOffset > half.commitLogOffset;
            claim(`${body} is seen`, expired || seen.includes(body));
          } else if (told.deadLetter && body === 'forgotten') claim('the dead letter is there', letters.includes(body));
          // Committed or not, rolled back or not, was just being decided.
          else if (body !== 'rolled back') claim(`${body} is somewhere`, places.includes(body));
          if (body === 'open' && open.includes(body)) {
            const known = broker.store.halves.find(half.commitLogOffset)!;
            claim(`${body} was checked as often`, known.checks >= (told.checks[body] ?? 0) && known.checks <= 2);
            const client = broker.client();
            claim('it can be ended', (await end(client, half, SysFlag.TRANSACTION_COMMIT)).code === 0);
            claim('twice', (await end(client, half, SysFlag.TRANSACTION_COMMIT)).code === 0);
            const after = await find(broker);
            claim('once', after.seen.filter((one) => one === body).length === 1 && !after.open.includes(body));
          }
        }
        await broker.stop();
      }
    },
    120_000,
  );
});
