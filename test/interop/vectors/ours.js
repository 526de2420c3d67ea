// What our encoders make, with what was meant, for `CheckBytes` to read by RocketMQ's decoders.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// The unique id counts from the local start of the month; the Java side runs in UTC as well.
process.env.TZ = 'UTC';

const V4 = '10.1.2.3:10911';
const V6 = '[2001:db8::7]:10911';

function message(overrides) {
  return {
    queueId: 1,
    flag: -5,
    queueOffset: 2 ** 33 + 1,
    physicalOffset: 2 ** 40 + 7,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_123,
    bornHost: V4,
    storeTimestamp: 1_700_000_000_456,
    storeHost: V4,
    reconsumeTimes: 3,
    preparedTransactionOffset: 2 ** 34,
    body: Buffer.from('hello'),
    topic: 'orders',
    properties: 'TAGS\x01created\x02KEYS\x01k1 k2\x02',
    ...overrides,
  };
}

const MESSAGES = {
  plain: message({}),
  'no body, no properties': message({ body: Buffer.alloc(0), properties: '' }),
  'open properties': message({ properties: 'TAGS\x01created\x02KEYS\x01k1 k2' }),
  unicode: message({ body: Buffer.from('Grüße 世界 😀'), properties: 'name\x01Grüße 世界 😀\x02TAGS\x01ä\x02' }),
  'born on IPv6': message({ bornHost: '[::1]:54321' }),
  'stored on IPv6': message({ storeHost: V6 }),
  'both on IPv6': message({ bornHost: '[fe80::1:0:0:2]:1', storeHost: V6 }),
  'long topic': message({ topic: `%RETRY%${'g'.repeat(200)}` }),
  'topic of 127': message({ topic: 't'.repeat(127) }),
  'large body': message({ body: Buffer.alloc(300_000, 'large') }),
  'many properties': message({ properties: Array.from({ length: 500 }, (_, i) => `name${i}\x01value ${i}\x02`).join('') }),
};

function records(protocol) {
  return Object.entries(MESSAGES).map(([name, fields]) => {
    const target = Buffer.alloc(protocol.recordSizeOf(fields));
    protocol.encodeRecord(target, 0, fields);
    return {
      ...fields,
      name,
      sysFlag: protocol.recordSysFlag(target, 0),
      body: fields.body.toString('hex'),
      entries: Object.fromEntries(protocol.decodeProperties(fields.properties)),
      tagsCode: protocol.tagsCode(fields.properties),
      hex: target.toString('hex'),
    };
  });
}

function batch(protocol) {
  const items = [
    { flag: 2, body: Buffer.from('first'), properties: 'TAGS\x01created\x02' },
    { flag: -1, body: Buffer.from('世界'), properties: '' },
  ];
  return {
    hex: protocol.encodeBatchBody(items).toString('hex'),
    items: items.map(({ flag, body, properties }) => ({
      flag,
      body: body.toString('hex'),
      entries: Object.fromEntries(protocol.decodeProperties(properties)),
    })),
  };
}

function ids(protocol) {
  const hosts = ['127.0.0.1:10911', '255.255.255.255:65535', '[::1]:10911', V6];
  const offsets = [0, 2 ** 32, Number.MAX_SAFE_INTEGER];
  const time = Date.now() - 5000;
  const nextId = protocol.createUniqueIdFactory({ ip: '10.1.2.3', pid: 54321, now: () => time, hash: 0x12345678 });
  return {
    offsetIds: hosts.flatMap((host) =>
      offsets.map((physicalOffset) => ({ host, physicalOffset, id: protocol.encodeOffsetMessageId(host, physicalOffset) })),
    ),
    uniqueIds: Array.from({ length: 3 }, () => ({ id: nextId(), ip: '10.1.2.3', pid: 54321, time })),
  };
}

function bodies(protocol) {
  const brokerData = {
    cluster: 'c',
    brokerName: 'a',
    brokerAddrs: new Map([
      [0, '10.0.0.1:10911'],
      [1, '10.0.0.2:10911'],
    ]),
  };
  const queue = (queueId) => ({ topic: 'orders', brokerName: 'a', queueId });
  const made = {
    heartbeat: protocol.encodeHeartbeatData({
      clientID: '10.0.0.9@1234#567',
      producerDataSet: [{ groupName: 'CLIENT_INNER_PRODUCER' }],
      consumerDataSet: [
        {
          groupName: 'billing',
          consumeType: 'CONSUME_PASSIVELY',
          messageModel: 'CLUSTERING',
          consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
          unitMode: false,
          subscriptionDataSet: [
            protocol.buildSubscriptionData('orders', 'created || paid', 1_700_000_000_000),
            protocol.buildSubscriptionData('%RETRY%billing', '*', 1_700_000_000_001),
          ],
        },
      ],
    }),
    route: protocol.encodeTopicRouteData({
      brokerDatas: [brokerData],
      queueDatas: [{ brokerName: 'a', readQueueNums: 8, writeQueueNums: 4, perm: 6, topicSysFlag: 0 }],
    }),
    clusterInfo: protocol.encodeClusterInfo({
      brokerAddrTable: new Map([['a', brokerData]]),
      clusterAddrTable: new Map([['c', ['a']]]),
    }),
    lockRequest: protocol.encodeLockBatchRequestBody({
      consumerGroup: 'billing',
      clientId: 'c',
      mqSet: [queue(0), queue(1)],
    }),
    lockResponse: protocol.encodeLockBatchResponseBody({ lockOKMQSet: [queue(1)] }),
    topicList: protocol.encodeTopicList({ topicList: ['orders', 'bills'] }),
    consumerList: protocol.encodeConsumerListBody({ consumerIdList: ['a', 'b'] }),
    registerBroker: protocol.encodeRegisterBrokerBody({
      dataVersion: { counter: 3, stateVersion: 0, timestamp: 1_700_000_000_000 },
      topicConfigTable: new Map(
        [
          ['orders', 8, 4, 6],
          ['bills', 1, 1, 4],
        ].map(([topicName, readQueueNums, writeQueueNums, perm]) => [
          topicName,
          { topicName, readQueueNums, writeQueueNums, perm, topicFilterType: 'SINGLE_TAG', topicSysFlag: 0, order: false },
        ]),
      ),
      filterServerList: [],
    }),
  };
  return Object.fromEntries(Object.entries(made).map(([name, bytes]) => [name, bytes.toString('hex')]));
}

const SEND = {
  producerGroup: 'p',
  topic: 'orders',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  queueId: 3,
  sysFlag: 1,
  bornTimestamp: 1_700_000_000_123,
  flag: -7,
  properties: 'name\x01Grüße 世界 😀\x02',
  reconsumeTimes: 0,
  unitMode: false,
  maxReconsumeTimes: 16,
  batch: false,
  brokerName: 'a',
};
const PLACE = { topic: 'orders', queueId: 2 };
const OF_GROUP = { consumerGroup: 'billing', ...PLACE };
const GREAT = 2 ** 52 + 1;

/** By code: a request, the class of its header there, and the same of its answer. */
const EXCHANGES = [
  [10, SEND, 'SendMessageRequestHeader'],
  [310, SEND, 'SendMessageRequestHeaderV2', { msgId: 'A'.repeat(32), queueId: 3, queueOffset: GREAT, transactionId: 'B', regionId: 'r', traceOn: true }, 'SendMessageResponseHeader'],
  [11, { ...OF_GROUP, queueOffset: GREAT, maxMsgNums: 32, sysFlag: 7, commitOffset: 0, suspendTimeoutMillis: 15_000, subVersion: 1, subscription: 'a || ü', expressionType: 'TAG' }, 'PullMessageRequestHeader', { suggestWhichBrokerId: 0, nextBeginOffset: GREAT, minOffset: 0, maxOffset: GREAT }, 'PullMessageResponseHeader'],
  [14, OF_GROUP, 'QueryConsumerOffsetRequestHeader', { offset: GREAT }, 'QueryConsumerOffsetResponseHeader'],
  [15, { ...OF_GROUP, commitOffset: GREAT }, 'UpdateConsumerOffsetRequestHeader'],
  [29, { ...PLACE, timestamp: 1_700_000_000_123 }, 'SearchOffsetRequestHeader', { offset: 7 }, 'SearchOffsetResponseHeader'],
  [30, PLACE, 'GetMaxOffsetRequestHeader', { offset: GREAT }, 'GetMaxOffsetResponseHeader'],
  [31, PLACE, 'GetMinOffsetRequestHeader', { offset: 0 }, 'GetMinOffsetResponseHeader'],
  [32, PLACE, 'GetEarliestMsgStoretimeRequestHeader', { timestamp: -1 }, 'GetEarliestMsgStoretimeResponseHeader'],
  [33, { offset: GREAT }, 'ViewMessageRequestHeader'],
  [36, { offset: GREAT, group: 'billing', delayLevel: -1, originMsgId: 'A', originTopic: 'orders', unitMode: false, maxReconsumeTimes: 3 }, 'ConsumerSendMsgBackRequestHeader'],
  [37, { producerGroup: 'p', tranStateTableOffset: 1, commitLogOffset: GREAT, commitOrRollback: 8, fromTransactionCheck: true, msgId: 'A', transactionId: 'B' }, 'EndTransactionRequestHeader'],
  [38, { consumerGroup: 'billing' }, 'GetConsumerListByGroupRequestHeader'],
  [39, { tranStateTableOffset: 1, commitLogOffset: GREAT, msgId: 'A', transactionId: 'B', offsetMsgId: 'C' }, 'CheckTransactionStateRequestHeader'],
  [40, { consumerGroup: 'billing' }, 'NotifyConsumerIdsChangedRequestHeader'],
  [220, { topic: 'orders', group: 'billing', timestamp: -1 }, 'ResetOffsetRequestHeader'],
  [326, { ...SEND, bornHost: V4, storeHost: V4, storeTimestamp: 1_700_000_000_456 }, 'ReplyMessageRequestHeader'],
  [12, { topic: 'orders', key: 'k', maxNum: 32, beginTimestamp: 0, endTimestamp: GREAT }, 'QueryMessageRequestHeader', { indexLastUpdateTimestamp: 5, indexLastUpdatePhyoffset: GREAT }, 'QueryMessageResponseHeader'],
];

/** Whole frames, in both forms; what stands in them is told beside. */
function frames(protocol, { encodeFrame, decodeFrame, requestFields, responseFields }) {
  const made = [];
  const add = (name, command, fields, headerClass) => {
    for (const type of [0, 1]) {
      const bytes = encodeFrame(command, type, fields);
      const { code, language, version, opaque, flag, remark, extFields, body } = decodeFrame(bytes, 0, bytes.length);
      made.push({
        name: `${name} ${type === 1 ? 'binary' : 'JSON'}`,
        ...{ code, language, version, opaque, flag, headerClass },
        remark: remark ?? null,
        extFields: Object.fromEntries(extFields),
        body: body?.toString('hex') ?? '',
        hex: bytes.toString('hex'),
      });
    }
  };
  for (const [code, header, headerClass, answer, answerClass] of EXCHANGES) {
    const request = { ...protocol.createRequest(code, header, Buffer.from('body')), opaque: 2 ** 31 - 1 };
    add(`request ${code}`, request, requestFields, headerClass);
    if (answer === undefined) continue;
    const response = { ...protocol.createResponse(0, answer), opaque: -1 };
    add(`answer to ${code}`, response, responseFields(code), answerClass);
  }
  const refusal = protocol.createResponse(17, {}, 'Thema „orders“ gibt es nicht 😀');
  add('refusal', refusal, responseFields(310));
  return made;
}

/** `build` is the folder of the compiled package. */
export async function makeOurs(build) {
  const protocol = await import(pathToFileURL(join(build, 'protocol', 'index.js')).href);
  const remoting = await import(pathToFileURL(join(build, 'remoting', 'index.js')).href);
  return {
    records: records(protocol),
    batch: batch(protocol),
    ...ids(protocol),
    bodies: bodies(protocol),
    frames: frames(protocol, remoting),
  };
}
