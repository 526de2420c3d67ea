import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  AlikeBatch,
  type BatchMessages,
  BodyRow,
  encodeProperties,
  ExtensionCode,
  joinedProperties,
  type PackAnswerHeader,
  type PropertyParts,
  RequestCode,
  ResponseCode,
  type SendMessageRequestHeader,
} from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

const BEGIN = '0A01020305D92A3B4C5D00112233';
const REST = '\x02WAIT\x01true\x02';
const REGION = 'MSG_REGION\x01DefaultRegion\x02';

describe('properties that come in parts', () => {
  let broker: TestBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client();
    await client.send('orders', 'first');
  });
  afterEach(() => broker.stop());

  const partsOf = (rests: readonly (string | undefined)[]): PropertyParts[] =>
    rests.map((rest, idEnd) => ({ idBegin: BEGIN, idEnd, rest }));
  const sendPack = async (
    rests: readonly (string | undefined)[],
    text = 'UNIQ_KEY\x01whole\x02',
  ): Promise<PackAnswerHeader> => {
    const parts = partsOf(rests);
    const column = <T>(value: T): T[] => rests.map(() => value);
    const { header } = await client.invoke(ExtensionCode.SEND_PACK, {
      producerGroup: 'producers',
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      topics: ['orders'],
      topicOf: column(0),
      queueIds: column(0),
      sysFlags: column(0),
      bornTimestamps: column(1_767_225_600_000),
      properties: parts.map(({ idBegin, idEnd, rest }) =>
        rest === undefined ? text : joinedProperties(idBegin, idEnd, rest),
      ),
      parts,
      bodies: rests.map((_, at) => Buffer.from(`m${at}`)),
    });
    return header as PackAnswerHeader;
  };
  const sendBatch = async (rests: readonly string[]): Promise<number> => {
    const messages = partsOf(rests).map((parts, at) => ({
      ...parts,
      properties: joinedProperties(parts.idBegin, parts.idEnd, parts.rest!),
      body: Buffer.from(`m${at}`),
      flag: at,
    }));
    return storeBatch(messages);
  };
  const sendAlike = async (rest: string): Promise<number> => {
    const row = new BodyRow(64, 4);
    for (const body of ['m0', 'm1']) row.add(Buffer.from(body));
    return storeBatch(new AlikeBatch(BEGIN, 0, rest, row));
  };
  const storeBatch = async (messages: BatchMessages): Promise<number> => {
    const header: SendMessageRequestHeader = {
      producerGroup: 'producers',
      topic: 'orders',
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId: 0,
      sysFlag: 0,
      bornTimestamp: 1_767_225_600_000,
      flag: 0,
      batch: true,
      messages,
    };
    return (await client.invoke(RequestCode.SEND_BATCH_MESSAGE, header)).code;
  };
  const kept = async () => {
    const { records } = await client.pull('reader', 'orders', 0, 0, { sysFlag: 4, subscription: '*' });
    return records.slice(1);
  };

  it('are kept as in one text, in packs and in batches', async () => {
    const tagged = `${REST}TAGS\x01paid\x02`;
    expect((await sendPack([REST, tagged, undefined, REST])).codes).toEqual([0, 0, 0, 0]);
    expect(await sendBatch([REST, tagged])).toBe(ResponseCode.SUCCESS);
    expect(await sendAlike(tagged)).toBe(ResponseCode.SUCCESS);
    const records = await kept();
    expect(records.map(({ properties }) => properties)).toEqual([
      `${joinedProperties(BEGIN, 0, REST)}${REGION}`,
      `${joinedProperties(BEGIN, 1, tagged)}${REGION}`,
      `UNIQ_KEY\x01whole\x02${REGION}`,
      `${joinedProperties(BEGIN, 3, REST)}${REGION}`,
      `${joinedProperties(BEGIN, 0, REST)}${REGION}`,
      `${joinedProperties(BEGIN, 1, tagged)}${REGION}`,
      `${joinedProperties(BEGIN, 0, tagged)}${REGION}`,
      `${joinedProperties(BEGIN, 1, tagged)}${REGION}`,
    ]);
    expect(records.map(({ flag }) => flag)).toEqual([0, 0, 0, 0, 0, 1, 0, 0]);
    expect(records.map(({ body }) => body.toString())).toEqual(['m0', 'm1', 'm2', 'm3', 'm0', 'm1', 'm0', 'm1']);
  });

  it('are looked at as a text where they hold more than texts for consumers', async () => {
    const rest = (...entries: [string, string][]): string => REST + encodeProperties(entries);
    const { codes } = await sendPack([
      rest(['TRAN_MSG', 'true']),
      rest(['NESTMQ_DEDUP_ID', '1']),
      rest(['REAL_TOPIC', 'forged']),
      rest(['x', 'y'.repeat(40_000)]),
      `${REST}TAGS\x01open`,
    ]);
    const { SUCCESS, MESSAGE_ILLEGAL } = ResponseCode;
    expect(codes).toEqual([MESSAGE_ILLEGAL, MESSAGE_ILLEGAL, SUCCESS, MESSAGE_ILLEGAL, SUCCESS]);
    expect((await kept()).map(({ properties }) => properties)).toEqual([
      `${joinedProperties(BEGIN, 2, REST)}${REGION}`,
      `${joinedProperties(BEGIN, 4, REST)}TAGS\x01open\x02${REGION}`,
    ]);
    expect(await sendBatch([REST, rest(['TIMER_DELAY_MS', '5000'])])).toBe(ResponseCode.MESSAGE_ILLEGAL);
    expect(await sendAlike(rest(['TIMER_DELAY_MS', '5000']))).toBe(ResponseCode.MESSAGE_ILLEGAL);
    expect(await kept()).toHaveLength(2);
    expect(await sendAlike(rest(['REAL_TOPIC', 'forged']))).toBe(ResponseCode.SUCCESS);
    expect((await kept()).at(-1)!.properties).toBe(`${joinedProperties(BEGIN, 1, REST)}${REGION}`);
  });
});
