import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SimulatedFileSystem, SeededRandom } from '../../lib/platform/index.js';
import {
  type CheckTransactionStateRequestHeader,
  decodeOffsetMessageId,
  decodeRecord,
  encodeHeartbeatData,
  encodeProperties,
  type EndTransactionRequestHeader,
  getProperty,
  MessagingError,
  RequestCode,
  ResponseCode,
  SysFlag,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

const GROUP = 'shop-create';
const COMMIT = SysFlag.TRANSACTION_COMMIT;
const ROLLBACK = SysFlag.TRANSACTION_ROLLBACK;
const HOUR = 3_600_000;

interface Half {
  readonly commitLogOffset: number;
  readonly tranStateTableOffset: number;
  readonly msgId: string;
}

interface Check {
  readonly header: CheckTransactionStateRequestHeader;
  readonly body: Buffer;
}

describe('transactions', () => {
  let broker: TestBroker;
  let producer: TestClient;
  let checks: Check[];

  const join = async (client: TestClient, group = GROUP): Promise<void> => {
    client.channel.onRequest((request) => {
      if (request.code !== RequestCode.CHECK_TRANSACTION_STATE) return;
      checks.push({ header: request.header as CheckTransactionStateRequestHeader, body: request.body! });
    });
    const producerDataSet = [{ groupName: group }];
    const body = encodeHeartbeatData({ clientID: client.clientId, producerDataSet, consumerDataSet: [] });
    await client.invoke(RequestCode.HEART_BEAT, {}, body);
  };
  const half = async (client = producer, body = 'half', properties: [string, string][] = []): Promise<Half> => {
    const { msgId, queueOffset } = await client.sent('orders', body, {
      producerGroup: GROUP,
      queueId: 2,
      sysFlag: SysFlag.TRANSACTION_PREPARED,
      properties: encodeProperties([['TRAN_MSG', 'true'], ['PGROUP', GROUP], ['TAGS', 'created'], ...properties]),
    });
    return { commitLogOffset: decodeOffsetMessageId(msgId).physicalOffset, tranStateTableOffset: queueOffset, msgId };
  };
  const end = async (offsets: Half, commitOrRollback: number, overrides: Partial<EndTransactionRequestHeader> = {}) => {
    const header: EndTransactionRequestHeader = {
      producerGroup: GROUP,
      ...offsets,
      commitOrRollback,
      fromTransactionCheck: false,
      ...overrides,
    };
    return producer.invoke(RequestCode.END_TRANSACTION, header);
  };
  /** Housekeeping of a minute together: one by one, three days of it take half a minute. */
  const passHours = async (milliseconds: number): Promise<void> => {
    const { clock } = broker;
    const end = clock.monotonic() + milliseconds;
    await clock.settle();
    while (clock.step(end - clock.monotonic(), 60_000)) await clock.settle();
    clock.skip(end - clock.monotonic());
  };
  const stored = (): number => broker.store.maxOffset('orders', 2);

  beforeEach(async () => {
    checks = [];
    broker = await TestBroker.start();
    producer = broker.client();
    await join(producer);
  });
  afterEach(() => broker.stop());

  it('a commit stores the message where it was sent to, marked as RocketMQ marks it', async () => {
    const offsets = await half();
    expect(stored()).toBe(0);
    expect((await end(offsets, COMMIT)).code).toBe(0);
    expect(stored()).toBe(1);
    const consumer = broker.client();
    await consumer.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    const { records } = await consumer.pull('billing', 'orders', 2, 0);
    const [record] = records;
    expect(record).toMatchObject({ topic: 'orders', queueId: 2, preparedTransactionOffset: offsets.commitLogOffset });
    expect(record!.sysFlag & SysFlag.TRANSACTION_ROLLBACK).toBe(COMMIT);
    expect(record!.body.toString()).toBe('half');
    expect(getProperty(record!.properties, 'TAGS')).toBe('created');
    expect(getProperty(record!.properties, 'PGROUP')).toBe(GROUP);
    for (const name of ['REAL_TOPIC', 'REAL_QID', 'TRAN_MSG'])
      expect(getProperty(record!.properties, name)).toBeUndefined();
  });

  it('an outcome that is said twice counts once, and a contradiction is refused', async () => {
    const offsets = await half();
    expect((await end(offsets, COMMIT)).code).toBe(0);
    expect((await end(offsets, COMMIT)).code).toBe(0);
    expect((await end(offsets, ROLLBACK)).code).not.toBe(0);
    expect(stored()).toBe(1);
    const other = await half();
    expect((await end(other, ROLLBACK)).code).toBe(0);
    expect((await end(other, ROLLBACK)).code).toBe(0);
    expect((await end(other, COMMIT)).code).not.toBe(0);
    expect(stored()).toBe(1);
    expect(broker.broker.figures().openTransactions).toBe(0);
  });

  it('two commits at the same moment store one message', async () => {
    const offsets = await half();
    const answers = await Promise.all([end(offsets, COMMIT), broker.clock.advance(100), end(offsets, COMMIT)]);
    expect([answers[0].code, answers[2].code]).toEqual([0, 0]);
    expect(stored()).toBe(1);
  });

  it.each([
    ['another group', { producerGroup: 'strangers' }],
    ['another queue offset', { tranStateTableOffset: 99 }],
    ['the id of another message', { msgId: '0A00000900002A9F0000000000000000' }],
    ['another transaction id', { transactionId: '7F0000010002764808037A5FBD6C0001' }],
    ['an offset where no half message is', { commitLogOffset: 3 }],
    ['an outcome that is none', { commitOrRollback: 5 }],
  ])('an END_TRANSACTION with %s is refused and changes nothing', async (_what, overrides) => {
    const offsets = await half();
    expect((await end(offsets, COMMIT, overrides)).code).toBe(ResponseCode.SYSTEM_ERROR);
    expect(stored()).toBe(0);
    expect((await end(offsets, COMMIT)).code).toBe(0);
    expect(stored()).toBe(1);
  });

  it('an outcome of UNKNOWN leaves it open', async () => {
    const offsets = await half();
    expect((await end(offsets, 0)).code).toBe(0);
    expect(broker.broker.figures().openTransactions).toBe(1);
    expect((await end(offsets, COMMIT)).code).toBe(0);
  });

  it('half messages cannot be pulled', async () => {
    await half();
    const spy = broker.client();
    const pulled = await spy.pull('spies', 'RMQ_SYS_TRANS_HALF_TOPIC', 0, 0, { sysFlag: 4, subscription: '*' });
    expect(pulled.code).toBe(ResponseCode.NO_PERMISSION);
  });

  it.each([
    ['a delay level', [['DELAY', '3']]],
    ['a time', [['TIMER_DELIVER_MS', '9999999999999']]],
  ] as [string, [string, string][]][])('with %s it is refused', async (_what, properties) => {
    await expect(half(producer, 'half', properties)).rejects.toThrow(/commit first/);
  });

  it('checks come after 6 s and every 30 s, with the message as it was sent', async () => {
    const offsets = await half(producer, 'half', [['UNIQ_KEY', 'A1']]);
    await broker.clock.advance(5_999);
    expect(checks).toHaveLength(0);
    await broker.clock.advance(1);
    expect(checks).toHaveLength(1);
    await broker.clock.advance(29_999);
    expect(checks).toHaveLength(1);
    await broker.clock.advance(1);
    expect(checks).toHaveLength(2);
    const [{ header, body }] = checks as [Check];
    const { commitLogOffset, tranStateTableOffset, msgId: offsetMsgId } = offsets;
    expect(header).toMatchObject({ commitLogOffset, tranStateTableOffset, offsetMsgId });
    expect(header).toMatchObject({ msgId: 'A1', transactionId: 'A1', topic: 'orders' });
    expect(decodeRecord(body, 0)).toMatchObject({ topic: 'orders', queueId: 2 });
    expect(getProperty(decodeRecord(body, 0).properties, 'PGROUP')).toBe(GROUP);
  });

  it('the producer may ask for more time before the first check', async () => {
    await half(producer, 'half', [['CHECK_IMMUNITY_TIME_IN_SECONDS', '60']]);
    await broker.clock.advance(59_000);
    expect(checks).toHaveLength(0);
    await broker.clock.advance(1_000);
    expect(checks).toHaveLength(1);
  });

  it('nobody is asked while no producer of the group is there, and after 72 hours it is a dead letter', async () => {
    await half();
    await producer.channel.close();
    producer = broker.client();
    await join(producer, 'others');
    await passHours(72 * HOUR - 60_000);
    expect(checks).toHaveLength(0);
    expect(broker.broker.figures()).toMatchObject({ openTransactions: 1, transactionDeadLetters: 0 });
    await broker.clock.advance(120_000);
    expect(broker.broker.figures()).toMatchObject({ openTransactions: 0, transactionDeadLetters: 1 });
    expect(broker.store.maxOffset('TRANS_CHECK_MAX_TIME_TOPIC', 0)).toBe(1);
  });

  it('a producer that sends no heartbeats any more is not asked', async () => {
    await half();
    await broker.clock.advance(5_000);
    await broker.clock.advance(200_000);
    expect(checks.length).toBeGreaterThan(0);
    const before = checks.length;
    await broker.clock.advance(200_000);
    expect(checks.length).toBe(before);
    await join(producer);
    await broker.clock.advance(31_000);
    expect(checks.length).toBe(before + 1);
  });

  it('the answer to a half message names the transaction', async () => {
    const sent = await producer.sent('orders', 'half', {
      producerGroup: GROUP,
      properties: encodeProperties([
        ['TRAN_MSG', 'true'],
        ['UNIQ_KEY', 'A1'],
      ]),
    });
    expect(sent.transactionId).toBe('A1');
    expect((await producer.sent('orders', 'plain')).transactionId).toBeUndefined();
  });

  it('a producer group that would write properties of its own is refused', async () => {
    const producerGroup = 'shop\x02REAL_TOPIC\x01secrets';
    const properties = encodeProperties([['TRAN_MSG', 'true']]);
    const answer = await producer.send('orders', 'half', { producerGroup, properties });
    expect(answer.remark).toMatch(/^NAME_INVALID/);
    expect(broker.broker.figures().openTransactions).toBe(0);
  });

  it('what is committed to a topic that was deleted meanwhile is a dead letter, whatever has its name by then', async () => {
    const offsets = await half();
    await producer.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
    await producer.sent('orders', 'of the new topic', { queueId: 2 });
    expect((await end(offsets, COMMIT)).remark).toMatch(/^TOPIC_NOT_FOUND/);
    expect(stored()).toBe(1);
    expect(broker.broker.figures()).toMatchObject({ openTransactions: 0, transactionDeadLetters: 1 });
    expect(broker.store.maxOffset('TRANS_CHECK_MAX_TIME_TOPIC', 0)).toBe(1);
  });

  it('members of the group are asked in turn, so that one that never answers is not the only one', async () => {
    const asked: string[] = [];
    for (const name of ['silent', 'other']) {
      const client = broker.client(name);
      await join(client);
      client.channel.onRequest(({ code }) => void (code === RequestCode.CHECK_TRANSACTION_STATE && asked.push(name)));
    }
    await producer.channel.close();
    await half(broker.client());
    await broker.clock.advance(66_000);
    expect(asked).toEqual(['silent', 'other', 'silent']);
  });

  it('one that cannot be read keeps no other from being asked about, and is read again later', async () => {
    const first = await half(producer, 'first');
    await half(producer, 'second');
    const read = broker.store.recordAt.bind(broker.store);
    let failures = 1;
    broker.store.recordAt = (offset) =>
      offset === first.commitLogOffset && failures-- > 0
        ? Promise.reject(new MessagingError('BROKER_ERROR', 'the disk did not answer'))
        : read(offset);
    const bodies = (): string[] => checks.map(({ body }) => decodeRecord(body, 0).body.toString());
    await broker.clock.advance(6_000);
    expect(bodies()).toEqual(['second']);
    await broker.clock.advance(30_000);
    expect(bodies().toSorted()).toEqual(['first', 'second', 'second']);
  });

  it('one that is damaged is reported, and looked for no more', async () => {
    await half();
    broker.store.recordAt = () => Promise.reject(new MessagingError('RECORD_INVALID', 'its checksum does not match'));
    await broker.clock.advance(6_000);
    expect(checks).toHaveLength(0);
    expect(broker.broker.figures().openTransactions).toBe(0);
  });

  it('the producer cannot ask for more time than there is for the whole transaction', async () => {
    await half(producer, 'half', [['CHECK_IMMUNITY_TIME_IN_SECONDS', '999999999']]);
    await passHours(72 * HOUR);
    expect(checks).toHaveLength(0);
    expect(broker.broker.figures()).toMatchObject({ openTransactions: 0, transactionDeadLetters: 1 });
  });

  it('ten thousand open transactions are asked about within their second', async () => {
    for (let n = 0; n < 10_000; n++) await half();
    await broker.clock.advance(6_000);
    expect(checks).toHaveLength(10_000);
  }, 60_000);
});

describe('transactions over a crash at any operation', () => {
  /** One half message each that is left open, committed and rolled back. */
  async function live(disk: SimulatedFileSystem): Promise<{ acknowledged: string[] }> {
    const broker = await TestBroker.start({}, disk);
    const acknowledged: string[] = [];
    const client = broker.client();
    const outcomes: [string, number][] = [
      ['open', 0],
      ['committed', COMMIT],
      ['rolled back', ROLLBACK],
    ];
    try {
      for (const [body, outcome] of outcomes) {
        const properties = encodeProperties([
          ['TRAN_MSG', 'true'],
          ['PGROUP', GROUP],
        ]);
        const sent = await client.sent('orders', body, { producerGroup: GROUP, queueId: 0, properties });
        acknowledged.push(`half ${body}`);
        const ended = await client.invoke(RequestCode.END_TRANSACTION, {
          producerGroup: GROUP,
          tranStateTableOffset: sent.queueOffset,
          commitLogOffset: decodeOffsetMessageId(sent.msgId).physicalOffset,
          commitOrRollback: outcome,
          fromTransactionCheck: false,
          msgId: sent.msgId,
        });
        if (ended.code === 0 && outcome !== 0) acknowledged.push(body);
        await broker.store.checkpoint();
      }
    } catch {
      // The crash.
    }
    return { acknowledged };
  }

  it('nothing acknowledged is lost, nothing is committed twice, and what is open is asked about', async () => {
    const whole = new SimulatedFileSystem();
    await live(whole);
    const operations = whole.operations.length;
    for (let at = 20; at < operations; at += 3) {
      const disk = new SimulatedFileSystem();
      disk.crashAt({ at, answers: 'never' });
      let acknowledged: string[] = [];
      const running = live(disk).then((result) => (acknowledged = result.acknowledged));
      for (let turn = 0; turn < 2000 && !disk.crashed; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (!disk.crashed) await running;
      // What was acknowledged before the crash is known only as far as it was noted.
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      const image = disk.crashImage('none', new SeededRandom(at));
      const broker = await TestBroker.start({}, image);
      const checked: string[] = [];
      const client = broker.client();
      client.channel.onRequest((request) => {
        if (request.code === RequestCode.CHECK_TRANSACTION_STATE)
          checked.push(decodeRecord(request.body!, 0).body.toString());
      });
      const producerDataSet = [{ groupName: GROUP }];
      await client.invoke(
        RequestCode.HEART_BEAT,
        {},
        encodeHeartbeatData({ clientID: client.clientId, producerDataSet, consumerDataSet: [] }),
      );
      await broker.clock.advance(7_000);
      const consumer = broker.client();
      await consumer.join('billing', 'orders', '*', { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
      const seen =
        broker.store.maxOffset('orders', 0) === 0
          ? []
          : (await consumer.pull('billing', 'orders', 0, 0)).records.map((record) => record.body.toString());
      expect(seen.filter((body) => body !== 'committed')).toEqual([]);
      expect(seen.length).toBeLessThanOrEqual(1);
      if (acknowledged.includes('committed')) expect({ at, seen }).toEqual({ at, seen: ['committed'] });
      if (acknowledged.includes('rolled back')) expect(checked).not.toContain('rolled back');
      if (acknowledged.includes('half open'))
        expect({ at, checked }).toMatchObject({ checked: expect.arrayContaining(['open']) });
      // Each half message is in one place: seen by consumers, or open.
      expect(new Set([...seen, ...checked]).size).toBe(seen.length + checked.length);
      await broker.stop();
    }
  }, 120_000);
});
