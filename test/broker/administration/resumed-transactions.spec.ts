import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CheckTransactionStateRequestHeader,
  decodeRecord,
  encodeHeartbeatData,
  encodeOffsetMessageId,
  encodeProperties,
  getProperty,
  RequestCode,
  ResponseCode,
  SysFlag,
} from '../../../lib/protocol/index.js';
import { TestBroker, type TestClient } from '../harness.js';

const GROUP = 'shop-create';
const LETTERS = 'TRANS_CHECK_MAX_TIME_TOPIC';

describe('a transaction that was given up and is resumed', () => {
  let broker: TestBroker;
  let producer: TestClient;
  let checks: { header: CheckTransactionStateRequestHeader; body: Buffer }[];

  beforeEach(async () => {
    checks = [];
    broker = await TestBroker.start({ transactions: { checkMax: 1 } });
    producer = broker.client();
    producer.channel.onRequest(({ code, header, body }) => {
      if (code !== RequestCode.CHECK_TRANSACTION_STATE) return;
      checks.push({ header: header as CheckTransactionStateRequestHeader, body: body! });
    });
    const producerDataSet = [{ groupName: GROUP }];
    const beat = encodeHeartbeatData({ clientID: producer.clientId, producerDataSet, consumerDataSet: [] });
    await producer.invoke(RequestCode.HEART_BEAT, {}, beat);
    await producer.sent('orders', 'payload', {
      producerGroup: GROUP,
      queueId: 2,
      sysFlag: SysFlag.TRANSACTION_PREPARED,
      properties: encodeProperties([
        ['TRAN_MSG', 'true'],
        ['PGROUP', GROUP],
        ['TAGS', 'created'],
      ]),
    });
    await broker.clock.advanceUntil(() => broker.store.maxOffset(LETTERS, 0) === 1, 200_000);
    await producer.invoke(RequestCode.HEART_BEAT, {}, beat);
  });
  afterEach(() => broker.stop());

  const letterId = async (): Promise<string> => {
    const { records } = await producer.pull('reader', LETTERS, 0, 0, { sysFlag: 4, subscription: '*' });
    return encodeOffsetMessageId('127.0.0.1:9876', records[0]!.physicalOffset);
  };
  const resume = (msgId?: string) => producer.invoke(RequestCode.RESUME_CHECK_HALF_MESSAGE, { msgId });

  it('is asked about anew, and is committed as it was sent', async () => {
    expect(checks).toHaveLength(1);
    expect((await resume(await letterId())).code).toBe(0);
    await broker.clock.advance(10_000);
    expect(checks).toHaveLength(2);
    const { header, body } = checks[1]!;
    const half = decodeRecord(body);
    expect(half).toMatchObject({ topic: 'orders', queueId: 2 });
    expect(half.properties).not.toContain('DLQ');
    const committed = await producer.invoke(RequestCode.END_TRANSACTION, {
      producerGroup: GROUP,
      tranStateTableOffset: header.tranStateTableOffset,
      commitLogOffset: header.commitLogOffset,
      msgId: header.msgId,
      commitOrRollback: SysFlag.TRANSACTION_COMMIT,
      fromTransactionCheck: true,
    });
    expect(committed.code).toBe(0);
    const { records } = await producer.pull('reader', 'orders', 2, 0, { sysFlag: 4, subscription: '*' });
    expect(records.map((record) => record.body.toString())).toEqual(['payload']);
    expect(getProperty(records[0]!.properties, 'TAGS')).toBe('created');
  });

  it('must be one of those letters', async () => {
    const { msgId } = await producer.sent('orders', 'plain');
    for (const id of [msgId, 'no id', undefined]) expect((await resume(id)).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect((await resume('7F00000100002694000000000000FFFF')).code).toBe(ResponseCode.SYSTEM_ERROR);
    expect(broker.store.halves.size).toBe(0);
  });
});
