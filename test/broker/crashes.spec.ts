import { describe, expect, it } from '@jest/globals';
import { type CrashPolicy, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

/** What clients had been told when the power failed. */
interface Told {
  joined: boolean;
  sent: string[];
  sentBack: boolean;
  dead: boolean;
  deleted: boolean;
}

interface Crash {
  readonly told: Told;
  readonly disk: SimulatedFileSystem;
  readonly operation: number;
}

const position = async (client: TestClient, topic: string): Promise<number | undefined> => {
  const header = { consumerGroup: 'billing', topic, queueId: 0 };
  const response = await client.invoke(RequestCode.QUERY_CONSUMER_OFFSET, header);
  return response.code === ResponseCode.SUCCESS ? (response.header as { offset: number }).offset : undefined;
};

const bodies = async (client: TestClient, topic: string, offset: number): Promise<string[]> => {
  const { records } = await client.pull('reader', topic, 0, offset, { sysFlag: 4, subscription: '*' });
  return records.map(({ body }) => body.toString());
};

/** Runs a group's life on a disk, and lets the power fail before every operation of the disk. */
async function live(policy: CrashPolicy): Promise<Crash[]> {
  const disk = new SimulatedFileSystem();
  const random = new SeededRandom(11);
  const told: Told = { joined: false, sent: [], sentBack: false, dead: false, deleted: false };
  const crashes: Crash[] = [];
  disk.onOperation(() => {
    const copy = { ...told, sent: [...told.sent] };
    crashes.push({ told: copy, disk: disk.crashImage(policy, random), operation: disk.operations.length });
  });
  const broker = await TestBroker.start({}, disk);
  const client = broker.client();
  await client.sent('orders', 'before');
  await client.join('billing', 'orders');
  told.joined = true;
  for (const body of ['one', 'two', 'three']) {
    await client.sent('orders', body);
    told.sent.push(body);
  }
  const { records } = await client.pull('billing', 'orders', 0, 1);
  const sendBack = (index: number, delayLevel: number) =>
    client.invoke(RequestCode.CONSUMER_SEND_MSG_BACK, {
      offset: records[index]!.physicalOffset,
      group: 'billing',
      delayLevel,
    });
  expect((await sendBack(0, 1)).code).toBe(0);
  told.sentBack = true;
  expect((await sendBack(1, -1)).code).toBe(0);
  told.dead = true;
  await client.sent('doomed', 'x');
  await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'doomed' });
  told.deleted = true;
  await broker.stop();
  return crashes;
}

describe('a power loss at any moment', () => {
  it.each<CrashPolicy>(['none', 'prefix', 'random-pages'])(
    'takes nothing back of what clients were told (what was not synced: %s)',
    async (policy) => {
      const crashes = await live(policy);
      expect(crashes.length).toBeGreaterThan(50);
      for (const { told, disk, operation } of crashes) {
        const broker = await TestBroker.start({}, disk);
        const client = broker.client();
        const where = `operation ${operation}`;
        if (told.joined) {
          const start = await position(client, 'orders');
          expect([where, start]).toEqual([where, 1]);
          expect((await bodies(client, 'orders', 1)).slice(0, told.sent.length)).toEqual(told.sent);
        }
        if (told.sentBack) {
          await broker.clock.advanceUntil(() => broker.store.maxOffset('%RETRY%billing', 0) > 0, 10_000);
          expect([where, await bodies(client, '%RETRY%billing', 0)]).toEqual([where, ['one']]);
        }
        if (told.dead) expect([where, await bodies(client, '%DLQ%billing', 0)]).toEqual([where, ['two']]);
        if (told.deleted) expect([where, broker.store.topics.get('doomed')]).toEqual([where, undefined]);
        await broker.stop();
      }
    },
    60_000,
  );
});

describe('a full disk', () => {
  it('keeps known groups neither from coming back nor from consuming, and refuses sends by name', async () => {
    const disk = new SimulatedFileSystem();
    const before = await TestBroker.start({}, disk);
    await before.client().sent('orders', 'old');
    await before.client().join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    await before.stop();
    const broker = await TestBroker.start({}, disk);
    const client = broker.client();
    disk.inject({ kind: 'ENOSPC', at: disk.operations.length, lasts: 'from' });
    await client.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    expect(await position(client, 'orders')).toBe(0);
    expect((await client.pull('billing', 'orders', 0, 0)).records).toHaveLength(1);
    const header = { consumerGroup: 'billing', topic: 'orders', queueId: 0, commitOffset: 1 };
    expect((await client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, header)).code).toBe(0);
    const refused = await client.send('orders', 'new');
    expect([refused.code, refused.remark]).toEqual([
      ResponseCode.SERVICE_NOT_AVAILABLE,
      expect.stringMatching(/^(DISK_FULL|STORE_FENCED): /),
    ]);
    disk.clearFaults();
    await broker.stop();
  });
});
