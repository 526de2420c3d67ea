import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CrashPolicy, MemoryFileSystem, SeededRandom, SimulatedFileSystem } from '../../../lib/platform/index.js';
import {
  encodeBatchBody,
  encodeProperties,
  getProperty,
  RequestCode,
  ResponseCode,
  type SendMessageResponseHeader,
} from '../../../lib/protocol/index.js';
import { holdingBack } from '../../store/support.js';
import { sendHeader, TestBroker, type TestClient } from '../harness.js';

const MINUTE = 60_000;
const DEDUP = { windowMillis: 10 * MINUTE, count: 1_000 };

const props = (id: string, uniqueKey: string, ...more: [string, string][]): string =>
  encodeProperties([['UNIQ_KEY', uniqueKey], ['NESTMQ_DEDUP_ID', id], ...more]);

const sendOnce = (client: TestClient, id: string, uniqueKey: string, topic = 'orders', more: [string, string][] = []) =>
  client.send(topic, `${id}/${uniqueKey}`, { properties: props(id, uniqueKey, ...more) });

const bodies = async (client: TestClient, topic = 'orders', queueId = 0): Promise<string[]> => {
  const { records } = await client.pull('reader', topic, queueId, 0, { sysFlag: 4, subscription: '*' });
  return records.map(({ body }) => body.toString());
};

describe('de-duplication', () => {
  let broker: TestBroker;
  let client: TestClient;
  let disk: ReturnType<typeof holdingBack>;

  beforeEach(async () => {
    disk = holdingBack(new MemoryFileSystem());
    broker = await TestBroker.start({}, disk);
    await broker.broker.topics.declare('orders', 2, DEDUP);
    await broker.broker.topics.declare('plain', 2);
    client = broker.client();
  });
  afterEach(() => broker.stop());

  const header = async (response: ReturnType<typeof sendOnce>): Promise<SendMessageResponseHeader> => {
    const { code, remark, header: fields } = await response;
    expect([code, remark]).toEqual([ResponseCode.SUCCESS, undefined]);
    return fields as SendMessageResponseHeader;
  };

  it('stores the first message with an id and answers the others with where that one lies', async () => {
    const first = await header(sendOnce(client, 'a', 'U1'));
    expect(first).toMatchObject({ duplicate: false, queueOffset: 0 });
    expect(first.originalId).toBeUndefined();
    await header(sendOnce(client, 'b', 'U2'));
    const again = await header(client.send('orders', 'other body', { properties: props('a', 'U3'), queueId: 1 }));
    expect(again).toMatchObject({
      duplicate: true,
      originalId: 'U1',
      msgId: first.msgId,
      queueId: 0,
      queueOffset: 0,
    });
    expect(await bodies(client)).toEqual(['a/U1', 'b/U2']);
    expect(broker.broker.figures()).toMatchObject({ messagesIn: 2, duplicates: 1, evictedDedupIds: 0 });
  });

  it('tells ids of topics apart', async () => {
    await broker.broker.topics.declare('others', 1, DEDUP);
    await header(sendOnce(client, 'a', 'U1'));
    expect(await header(sendOnce(client, 'a', 'U2', 'others'))).toMatchObject({ duplicate: false });
  });

  it('does not call a message a duplicate of itself that its producer sends again for want of an answer', async () => {
    const first = await header(sendOnce(client, 'a', 'U1'));
    expect(await header(sendOnce(client, 'a', 'U1'))).toMatchObject({ duplicate: false, msgId: first.msgId });
    expect(await bodies(client)).toEqual(['a/U1']);
    expect(broker.broker.figures().duplicates).toBe(0);
  });

  it('takes an id again when the window has closed', async () => {
    await header(sendOnce(client, 'a', 'U1'));
    await broker.clock.advance(10 * MINUTE - 1);
    expect(await header(sendOnce(client, 'a', 'U2'))).toMatchObject({ duplicate: true });
    await broker.clock.advance(1);
    expect(await header(sendOnce(client, 'a', 'U3'))).toMatchObject({ duplicate: false, queueOffset: 1 });
  });

  it('lets a duplicate wait for the first that is on its way to the disk, and gives it the same outcome', async () => {
    disk.hold();
    let answered = 0;
    const sends = ['U1', 'U2', 'U3'].map((key) => header(sendOnce(client, 'a', key)).finally(() => answered++));
    await broker.clock.settle();
    expect(answered).toBe(0);
    disk.letGo();
    const [first, ...others] = await Promise.all(sends);
    expect(first).toMatchObject({ duplicate: false });
    for (const other of others) expect(other).toMatchObject({ duplicate: true, originalId: 'U1', msgId: first!.msgId });
    expect(await bodies(client)).toEqual(['a/U1']);
  });

  it('lets no more duplicates wait than 32 MiB of them, and takes others again when those have had their answer', async () => {
    disk.hold();
    const large = Buffer.alloc(4 * 1024 * 1024);
    const sends = Array.from({ length: 10 }, (_, n) =>
      client.send('orders', large, { properties: props('a', `U${n}`) }),
    );
    const refused = await sends[9]!;
    expect(refused.remark).toMatch(/^BROKER_BUSY: 8 duplicates of 33554432 bytes wait/);
    disk.letGo();
    const answers = await Promise.all(sends.slice(0, 9));
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([0]));
    const { waiting, waitingBytes } = broker.broker['duplicates'] as unknown as Record<string, number>;
    expect([waiting, waitingBytes]).toEqual([0, 0]);
  });

  it('tries the next when the first fails, one after the other', async () => {
    const { store } = broker;
    const put = store.put.bind(store);
    const tried: string[] = [];
    let failing = 2;
    store.put = (message, done) => {
      tried.push(message.body.toString());
      if (failing-- > 0) broker.clock.defer(() => done(new (class extends Error {})('no room') as never, undefined));
      else put(message, done);
    };
    const answers = await Promise.all(['U1', 'U2', 'U3', 'U4'].map((key) => sendOnce(client, 'a', key)));
    expect(tried).toEqual(['a/U1', 'a/U2', 'a/U3']);
    expect(answers.map(({ code }) => code)).toEqual([1, 1, 0, 0]);
    expect(answers[3]!.header).toMatchObject({ duplicate: true, originalId: 'U3' });
    expect(await bodies(client)).toEqual(['a/U3']);
  });

  it('looks at the sending of a delayed message, and lets its delivery pass', async () => {
    const delay: [string, string][] = [['TIMER_DELAY_MS', '5000']];
    const first = await header(sendOnce(client, 'a', 'U1', 'orders', delay));
    expect(await header(sendOnce(client, 'a', 'U2', 'orders', delay))).toMatchObject({
      duplicate: true,
      originalId: 'U1',
      msgId: first.msgId,
      queueId: first.queueId,
    });
    expect(await header(sendOnce(client, 'a', 'U3'))).toMatchObject({ duplicate: true });
    expect(await bodies(client)).toEqual([]);
    await broker.clock.advance(5_000);
    expect(await bodies(client)).toEqual(['a/U1']);
    expect(await header(sendOnce(client, 'a', 'U4'))).toMatchObject({ duplicate: true, originalId: 'U1' });
  });

  it('lets retries and dead letters pass', async () => {
    await client.join('billing', 'orders');
    await header(sendOnce(client, 'a', 'U1'));
    const { records } = await client.pull('billing', 'orders', 0, 0);
    const offset = records[0]!.physicalOffset;
    for (const delayLevel of [1, -1]) {
      const answer = await client.invoke(RequestCode.CONSUMER_SEND_MSG_BACK, { offset, group: 'billing', delayLevel });
      expect(answer.code).toBe(0);
    }
    await broker.clock.advance(1_000);
    expect(await bodies(client, '%RETRY%billing')).toEqual(['a/U1']);
    expect(await bodies(client, '%DLQ%billing')).toEqual(['a/U1']);
    expect(await header(sendOnce(client, 'a', 'U2'))).toMatchObject({ duplicate: true });
  });

  it.each(['NESTMQ_RESENT', 'NESTMQ_REPLAYED'])('lets a message with %s pass', async (mark) => {
    await header(sendOnce(client, 'a', 'U1'));
    const { code } = await sendOnce(client, 'a', 'U1', 'orders', [[mark, '1']]);
    expect(code).toBe(0);
    expect(await bodies(client)).toEqual(['a/U1', 'a/U1']);
  });

  it('leaves messages without an id alone', async () => {
    for (let n = 0; n < 2; n++) {
      const sent = await client.sent('orders', 'same', { properties: encodeProperties([['UNIQ_KEY', 'U']]) });
      expect(sent.duplicate).toBeUndefined();
    }
    expect(await bodies(client)).toEqual(['same', 'same']);
  });

  it.each([
    ['to a topic that does not de-duplicate', 'plain', props('a', 'U')],
    ['to a topic that is not there, which it does not make', 'fresh', props('a', 'U')],
    ['of 256 bytes', 'orders', props('ä'.repeat(128), 'U')],
    ['for a transaction', 'orders', props('a', 'U', ['TRAN_MSG', 'true'])],
  ])('refuses an id %s', async (_what, topic, properties) => {
    const response = await client.send(topic, 'x', { properties });
    expect(response.code).toBe(ResponseCode.MESSAGE_ILLEGAL);
    expect(response.remark).toMatch(/^PROPERTIES_INVALID: .*de-duplicat/);
    expect(broker.store.topics.get('fresh')).toBeUndefined();
  });

  it('refuses a batch with an id in it as a whole', async () => {
    const item = (properties: string) => ({ flag: 0, body: Buffer.from('x'), properties });
    const body = encodeBatchBody([item(''), item(props('a', 'U'))]);
    const response = await client.invoke(RequestCode.SEND_BATCH_MESSAGE, sendHeader('orders', { batch: true }), body);
    expect(response.code).toBe(ResponseCode.MESSAGE_ILLEGAL);
    expect(response.remark).toMatch(/one by one/);
    expect(await bodies(client)).toEqual([]);
  });

  it('keeps the id on the message, for those who handle it', async () => {
    await header(sendOnce(client, 'a', 'U1'));
    const { records } = await client.pull('reader', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    expect(getProperty(records[0]!.properties, 'NESTMQ_DEDUP_ID')).toBe('a');
  });

  it('goes by the settings of the next start: changed, or switched off', async () => {
    await header(sendOnce(client, 'a', 'U1'));
    await broker.broker.topics.declare('orders', undefined, { windowMillis: MINUTE, count: 10 });
    await broker.clock.advance(MINUTE);
    expect(await header(sendOnce(client, 'a', 'U2'))).toMatchObject({ duplicate: false });
    await broker.broker.topics.declare('orders', undefined);
    expect((await sendOnce(client, 'a', 'U3')).code).toBe(ResponseCode.MESSAGE_ILLEGAL);
    await broker.broker.topics.declare('orders', undefined, DEDUP);
    expect(await header(sendOnce(client, 'a', 'U4'))).toMatchObject({ duplicate: false });
  });
});

describe('de-duplication over restarts', () => {
  it('knows after a start in order what was sent before it', async () => {
    const fileSystem = new MemoryFileSystem();
    const before = await TestBroker.start({}, fileSystem);
    await before.broker.topics.declare('orders', 1, DEDUP);
    const first = await sendOnce(before.client(), 'a', 'U1');
    await before.stop();
    const after = await TestBroker.start({}, fileSystem);
    const again = await sendOnce(after.client(), 'a', 'U2');
    const { msgId } = first.header as SendMessageResponseHeader;
    expect(again.header).toMatchObject({ duplicate: true, originalId: 'U1', msgId });
    await after.stop();
  });

  it.each<CrashPolicy>(['none', 'prefix', 'random-pages'])(
    'stores no id twice, and loses none, whenever the power fails (unsynced data: %s)',
    async (policy) => {
      const disk = new SimulatedFileSystem();
      const random = new SeededRandom(3);
      const acknowledged = new Map<string, SendMessageResponseHeader>();
      const crashes: { acknowledged: Map<string, SendMessageResponseHeader>; image: SimulatedFileSystem }[] = [];
      const broker = await TestBroker.start({}, disk);
      await broker.broker.topics.declare('orders', 1, DEDUP);
      disk.onOperation(() =>
        crashes.push({ acknowledged: new Map(acknowledged), image: disk.crashImage(policy, random) }),
      );
      const client = broker.client();
      const ids: string[] = [];
      for (let at = 0; at < 6; at++) {
        ids.push(`id-${at}`);
        const delay: [string, string][] = at % 3 === 2 ? [['TIMER_DELAY_MS', '1000']] : [];
        const sent = await sendOnce(client, `id-${at}`, `first-${at}`, 'orders', delay);
        acknowledged.set(`id-${at}`, sent.header as SendMessageResponseHeader);
        if (at === 1) await broker.store.checkpoint();
        if (at === 4) await broker.clock.advance(1_000);
      }
      await broker.stop();
      expect(crashes.length).toBeGreaterThan(20);
      for (const crash of crashes) {
        const after = await TestBroker.start({}, crash.image);
        const other = after.client();
        for (const id of ids) {
          const { code, header } = await sendOnce(other, id, `second-${id}`);
          expect(code).toBe(0);
          const known = crash.acknowledged.get(id);
          if (known !== undefined) expect(header).toMatchObject({ duplicate: true, msgId: known.msgId });
        }
        await after.clock.advance(10_000);
        const stored = (await bodies(other)).map((body) => body.split('/')[0]);
        expect(stored.toSorted()).toEqual(ids);
        await after.stop();
      }
    },
  );
});
