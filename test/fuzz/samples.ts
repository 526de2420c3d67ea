import {
  createRequest,
  createResponse,
  encodeBatchBody,
  encodeClientConfig,
  encodeClusterInfo,
  encodeCompressedRegistration,
  encodeConsumerListBody,
  encodeHeartbeatData,
  encodeLockBatchRequestBody,
  encodeLockBatchResponseBody,
  encodePackAnswer,
  encodeProperties,
  encodeQueueOffsets,
  encodeRegisterBrokerBody,
  encodeSendPack,
  encodeTopicConfig,
  encodeTopicList,
  encodeTopicRouteData,
  encodeTopicStats,
  type PackAnswerHeader,
  RequestCode,
  type SendPackHeader,
  type TopicConfig,
} from '../../lib/protocol/index.js';
import { encodeFrame, requestFields, responseFields } from '../../lib/remoting/index.js';
import { pullHeader, sendHeader } from '../broker/harness.js';
import { recordOf } from '../protocol/messages.js';

const queue = { topic: 'orders', brokerName: 'a', queueId: 3 };
const version = { counter: 7, stateVersion: 0, timestamp: 1_700_000_000_000 };
const subscription = {
  topic: 'orders',
  subString: 'a || b',
  tagsSet: ['a', 'b'],
  codeSet: [97, 98],
  subVersion: 1,
  expressionType: 'TAG',
  classFilterMode: false,
};
const topicConfig: TopicConfig = {
  topicName: 'orders',
  readQueueNums: 4,
  writeQueueNums: 4,
  perm: 6,
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag: 0,
  order: false,
};

/** Bodies of requests and answers; each decoder gets all of them, those of others being as good as any nonsense. */
export const BODIES: readonly Buffer[] = [
  encodeHeartbeatData({
    clientID: '10.0.0.9@1#2',
    producerDataSet: [{ groupName: 'p' }],
    consumerDataSet: [
      {
        groupName: 'g',
        consumeType: 'CONSUME_PASSIVELY',
        messageModel: 'CLUSTERING',
        consumeFromWhere: 'CONSUME_FROM_TIMESTAMP',
        startAt: 5,
        subscriptionDataSet: [subscription],
        unitMode: false,
      },
    ],
  }),
  encodeClientConfig({ clientId: 'c', group: 'g', subscriptionData: subscription }),
  encodeLockBatchRequestBody({ consumerGroup: 'g', clientId: 'c', mqSet: [queue] }),
  encodeLockBatchResponseBody({ lockOKMQSet: [queue] }),
  encodeQueueOffsets([{ queue, offset: 9 }]),
  encodeTopicStats([{ queue, minOffset: 0, maxOffset: 9, lastUpdateTimestamp: 1 }]),
  encodeTopicRouteData({
    brokerDatas: [{ cluster: 'c', brokerName: 'a', brokerAddrs: new Map([[0, '127.0.0.1:1']]) }],
    queueDatas: [{ brokerName: 'a', readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 }],
  }),
  encodeTopicConfig(topicConfig),
  encodeRegisterBrokerBody({
    dataVersion: version,
    topicConfigTable: new Map([['orders', topicConfig]]),
    filterServerList: [],
  }),
  encodeCompressedRegistration({
    dataVersion: version,
    topicConfigTable: new Map([['orders', topicConfig]]),
    filterServerList: [],
  }),
  encodeClusterInfo({ brokerAddrTable: new Map(), clusterAddrTable: new Map([['c', ['a']]]) }),
  encodeConsumerListBody({ consumerIdList: ['c'] }),
  encodeTopicList({ topicList: ['orders'] }),
  Buffer.from(
    '{{"brokerName":"a","queueId":0,"topic":"t"}:{"minOffset":0,"maxOffset":5},{0:"x",1:"y"}:[1,2.5,-3e2,null,true]}',
  ),
  Buffer.from('brokerName=a\nflush=sync\n\n#c=d\n'),
  Buffer.from('{"table":{"k":"v"}}'),
  Buffer.from('{"configTable":{"ORDER_TOPIC_CONFIG":{"t":"a:4"}}}'),
  Buffer.from('{"order":true,"autoCommit":true,"consumeResult":"CR_SUCCESS","remark":null,"spentTimeMills":3}'),
  Buffer.from(
    '{"groupName":"g","consumeEnable":true,"retryMaxTimes":16,"subscriptionGroupTable":{"g":{"groupName":"g"}}}',
  ),
];

const requests = [
  createRequest(
    RequestCode.SEND_MESSAGE_V2,
    sendHeader('orders', { properties: 'TAGS\x01a\x02' }),
    Buffer.from('body'),
  ),
  createRequest(RequestCode.PULL_MESSAGE, pullHeader('g', 'orders', 1, 5)),
  createRequest(RequestCode.HEART_BEAT, {}, BODIES[0]),
  createRequest(RequestCode.UPDATE_CONSUMER_OFFSET, {
    consumerGroup: 'g',
    topic: 't',
    queueId: 0,
    commitOffset: 2 ** 40,
  }),
  createRequest(RequestCode.END_TRANSACTION, {
    producerGroup: 'p',
    tranStateTableOffset: 1,
    commitLogOffset: 2,
    commitOrRollback: 8,
    fromTransactionCheck: false,
    msgId: 'm',
  }),
];

export const FRAMES: readonly Buffer[] = [
  ...requests.flatMap((request) => [encodeFrame(request, 0, requestFields), encodeFrame(request, 1, requestFields)]),
  encodeFrame(createResponse(0, { offset: 5 }, 'a remark'), 1, responseFields(RequestCode.GET_MAX_OFFSET)),
  Buffer.concat(requests.map((request) => encodeFrame(request, 0, requestFields))),
];

const items = [
  { flag: 0, body: Buffer.from('one'), properties: 'KEYS\x01k\x02' },
  { flag: 3, body: Buffer.alloc(0), properties: '' },
];

export const BATCHES: readonly Buffer[] = [encodeBatchBody(items), encodeBatchBody([...items, ...items])];

export const PACK: SendPackHeader = {
  producerGroup: 'producers',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  topics: ['orders', 'bills'],
  topicOf: [0, 1, 0],
  queueIds: [0, -1, 3],
  sysFlags: [0, 1, 0],
  bornTimestamps: [1_767_225_600_000, 1_767_225_600_001, 1_767_225_599_999],
  properties: ['TAGS\x01a\x02', '', 'own\x01ö\x02'],
  bodies: [Buffer.from('one'), Buffer.from('zwei'), Buffer.alloc(0)],
};

export const PACKS: readonly Buffer[] = [
  encodeSendPack(PACK),
  encodeSendPack({ ...PACK, topics: [], topicOf: [], queueIds: [], sysFlags: [], bornTimestamps: [], properties: [], bodies: [] }), // prettier-ignore
];

export const PACK_ANSWER: PackAnswerHeader = {
  storeHost: '127.0.0.1:9876',
  codes: [0, 13, 0, 2],
  queueIds: [0, 0, 3, 1],
  queueOffsets: [5, 0, 2 ** 40, 0],
  physicalOffsets: [4096, 0, 2 ** 41, 0],
  remarks: [undefined, 'PROPERTIES_INVALID: ö', undefined, ''],
};

export const PACK_ANSWERS: readonly Buffer[] = [
  encodePackAnswer(PACK_ANSWER),
  encodePackAnswer({ ...PACK_ANSWER, codes: [0, 0, 0, 0], remarks: undefined }),
];

export const RECORDS: readonly Buffer[] = [
  recordOf(),
  recordOf({ bornHost: '[::1]:1', storeHost: '[2001:db8::7]:10911', sysFlag: 0x30, topic: 't'.repeat(127) }),
  recordOf({ body: Buffer.alloc(0), properties: '' }),
  Buffer.concat([recordOf(), recordOf({ queueOffset: 42 })]),
];

export const PROPERTIES: readonly Buffer[] = [
  Buffer.from(encodeProperties([['TAGS', 'a'], ['KEYS', 'k1 k2'], ['UNIQ_KEY', 'A'.repeat(32)], ['own', 'ö']])), // prettier-ignore
  Buffer.from('\x01\x02\x02\x01a\x01b\x01c\x02'),
];
