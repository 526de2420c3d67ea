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

/** `build` is the folder of the compiled package. */
export async function makeOurs(build) {
  const protocol = await import(pathToFileURL(join(build, 'protocol', 'index.js')).href);
  return { records: records(protocol), batch: batch(protocol), ...ids(protocol), bodies: bodies(protocol) };
}
