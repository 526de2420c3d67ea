import { describe, expect, it } from '@jest/globals';
import {
  decodeOffsetMessageId,
  encodeHeartbeatData,
  encodeProperties,
  RequestCode,
  SysFlag,
} from '../../lib/protocol/index.js';
import { TestBroker } from './harness.js';

const GROUP = 'shop-create';
const HOUR = 3_600_000;

describe('transactions that outlive the log they lie in', () => {
  it('are asked about, and ended, by the offsets that their producer was told, however often they were moved', async () => {
    const retention = { ageMillis: HOUR, checkMillis: HOUR };
    const store = { segmentBytes: 16 * 1024, batchBytes: 8 * 1024, retention };
    const broker = await TestBroker.start({}, undefined, store);
    const client = broker.client();
    const properties = encodeProperties([
      ['TRAN_MSG', 'true'],
      ['PGROUP', GROUP],
    ]);
    const { msgId, queueOffset } = await client.sent('orders', 'half', { producerGroup: GROUP, properties });
    const commitLogOffset = decodeOffsetMessageId(msgId).physicalOffset;
    const moves = new Set<number>();
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 6; at++) await client.sent('other', 'x'.repeat(4_000));
      await broker.clock.advance(2 * HOUR);
      moves.add(broker.store.halves.find(commitLogOffset)!.offset);
    }
    expect(moves.size).toBe(3);
    const checks: object[] = [];
    client.channel.onRequest(({ code, header }) => {
      if (code === RequestCode.CHECK_TRANSACTION_STATE) checks.push(header);
    });
    const producerDataSet = [{ groupName: GROUP }];
    const data = { clientID: client.clientId, producerDataSet, consumerDataSet: [] };
    await client.invoke(RequestCode.HEART_BEAT, {}, encodeHeartbeatData(data));
    await broker.clock.advance(31_000);
    expect(checks).toEqual([expect.objectContaining({ commitLogOffset, tranStateTableOffset: queueOffset })]);
    const ended = await client.invoke(RequestCode.END_TRANSACTION, {
      producerGroup: GROUP,
      tranStateTableOffset: queueOffset,
      commitLogOffset,
      commitOrRollback: SysFlag.TRANSACTION_COMMIT,
      fromTransactionCheck: true,
      msgId,
    });
    expect(ended.code).toBe(0);
    expect(broker.store.maxOffset('orders', 0)).toBe(1);
    await broker.stop();
  });
});
