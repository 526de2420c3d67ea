import { describe, expect, it } from '@jest/globals';
import {
  type ConsumerRunningInfo,
  decodeDirectResult,
  decodeMemberPositions,
  decodeRunningInfo,
  decodeSubscriptionGroup,
  decodeTopicConfigList,
  encodeBrokerConsumeStats,
  encodeCorrections,
  encodeDirectResult,
  encodeMemberPositions,
  encodeQueueOffsetList,
  encodeRunningInfo,
} from '../../lib/protocol/index.js';

const queue = { topic: 't', brokerName: 'b', queueId: 0 };
const info: ConsumerRunningInfo = {
  properties: new Map([['PROP_CONSUMEORDERLY', 'false']]),
  subscriptionSet: [
    {
      topic: 't',
      subString: '*',
      tagsSet: [],
      codeSet: [],
      subVersion: 1,
      expressionType: 'TAG',
      classFilterMode: false,
    },
  ],
  mqTable: [
    {
      queue,
      info: {
        commitOffset: 3,
        cachedMsgMinOffset: 3,
        cachedMsgMaxOffset: 4,
        cachedMsgCount: 2,
        cachedMsgSizeInMiB: 0,
        transactionMsgMinOffset: 0,
        transactionMsgMaxOffset: 0,
        transactionMsgCount: 0,
        locked: true,
        tryUnlockTimes: 0,
        lastLockTimestamp: 0,
        droped: false,
        lastPullTimestamp: 1_700_000_000_000,
        lastConsumeTimestamp: 1_700_000_000_001,
      },
    },
  ],
  statusTable: new Map([
    ['t', { pullRT: 1.5, pullTPS: 2, consumeRT: 3, consumeOKTPS: 4, consumeFailedTPS: 0, consumeFailedMsgs: 1 }],
  ]),
};

describe('bodies about consumers', () => {
  it('are written as fastjson reads them: a queue is an object in the place of a key', () => {
    expect(encodeRunningInfo(info).toString()).toBe(
      '{"mqPopTable":{},"mqTable":{{"brokerName":"b","queueId":0,"topic":"t"}:{"commitOffset":3,"cachedMsgMinOffset":3,' +
        '"cachedMsgMaxOffset":4,"cachedMsgCount":2,"cachedMsgSizeInMiB":0,"transactionMsgMinOffset":0,"transactionMsgMaxOffset":0,' +
        '"transactionMsgCount":0,"locked":true,"tryUnlockTimes":0,"lastLockTimestamp":0,"droped":false,' +
        '"lastPullTimestamp":1700000000000,"lastConsumeTimestamp":1700000000001}},"jstack":null,' +
        '"properties":{"PROP_CONSUMEORDERLY":"false"},"statusTable":{"t":{"pullRT":1.5,"pullTPS":2,"consumeRT":3,' +
        '"consumeOKTPS":4,"consumeFailedTPS":0,"consumeFailedMsgs":1}},"subscriptionSet":[{"topic":"t","subString":"*",' +
        '"tagsSet":[],"codeSet":[],"subVersion":1,"expressionType":"TAG","classFilterMode":false}],"userConsumerInfo":{}}',
    );
    expect(encodeMemberPositions([{ queue, offset: 5 }]).toString()).toBe(
      '{"consumerTable":{},"messageQueueTable":{{"brokerName":"b","queueId":0,"topic":"t"}:5}}',
    );
    expect(encodeQueueOffsetList([{ queue, offset: 5 }]).toString()).toBe(
      '{"offsetTable":[{"brokerName":"b","offset":5,"queueId":0,"topic":"t"}]}',
    );
    const row = { queue, brokerOffset: 9, consumerOffset: 5, lastTimestamp: 0, pullOffset: 7 };
    expect(encodeBrokerConsumeStats(new Map([['g', [{ consumeTps: 1, queues: [row] }]]]), 'a:1').toString()).toBe(
      '{"consumeStatsList":[{"g":[{"consumeTps":1.0,"offsetTable":{{"brokerName":"b","queueId":0,"topic":"t"}:' +
        '{"brokerOffset":9,"consumerOffset":5,"lastTimestamp":0,"pullOffset":7}}}]}],"brokerAddr":"a:1","totalDiff":4,"totalInflightDiff":2}',
    );
    expect(
      encodeCorrections(
        new Map([
          [0, Infinity],
          [1, 4],
        ]),
      ).toString(),
    ).toBe('{"correctionOffsets":{"0":9223372036854775807,"1":4}}');
  });

  it('are read back, also with the queue as a text, and with what is missing or null', () => {
    expect(decodeRunningInfo(encodeRunningInfo(info))).toEqual(info);
    const quoted =
      '{"messageQueueTable":{"{\\"brokerName\\":\\"b\\",\\"queueId\\":0,\\"topic\\":\\"t\\"}":5},"consumerTable":null}';
    expect(decodeMemberPositions(Buffer.from(quoted))).toEqual([{ queue, offset: 5 }]);
    const bare = decodeRunningInfo(
      Buffer.from('{"mqTable":{{"brokerName":"b","queueId":0,"topic":"t"}:{}},"properties":null}'),
    );
    expect(bare.mqTable[0]).toMatchObject({ queue, info: { commitOffset: 0, locked: false } });
    expect(bare.statusTable.size).toBe(0);
    const result = {
      order: false,
      autoCommit: true,
      consumeResult: 'CR_LATER',
      remark: undefined,
      spentTimeMills: 2,
    } as const;
    expect(decodeDirectResult(encodeDirectResult(result))).toEqual(result);
    expect(decodeSubscriptionGroup(Buffer.from('{"groupName":"g"}'))).toMatchObject({
      retryMaxTimes: 16,
      consumeEnable: true,
    });
    expect(decodeTopicConfigList(Buffer.from('{"topicConfigList":null}'))).toEqual([]);
  });

  it.each([
    ['no object', '[]'],
    ['a queue without a topic', '{"mqTable":{{"brokerName":"b","queueId":0}:{}}}'],
    ['a number that is a text', '{"mqTable":{{"brokerName":"b","queueId":0,"topic":"t"}:{"commitOffset":"3"}}}'],
    ['a table that is a list', '{"statusTable":[1]}'],
    ['half of it', '{"properties":{'],
  ])('are refused with %s', (_what, body) => {
    expect(() => decodeRunningInfo(Buffer.from(body))).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });
});
