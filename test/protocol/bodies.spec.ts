import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  compareMessageQueues,
  decodeClusterInfo,
  decodeConsumerListBody,
  decodeHeartbeatData,
  decodeLockBatchRequestBody,
  decodeLockBatchResponseBody,
  decodeRegisterBrokerBody,
  decodeTopicConfig,
  decodeTopicList,
  decodeTopicRouteData,
  encodeClusterInfo,
  encodeConsumerListBody,
  encodeHeartbeatData,
  encodeLockBatchRequestBody,
  encodeLockBatchResponseBody,
  encodeRegisterBrokerBody,
  encodeTopicConfig,
  encodeTopicList,
  encodeTopicRouteData,
  messageQueueFromKey,
  messageQueueKey,
  readJson,
  sameDataVersion,
} from '../../lib/protocol/index.js';
import type { JsonObject, JsonValue } from '../../lib/protocol/index.js';
import { codeOf } from './messages.js';
import { vectors } from './vectors.js';

const golden = vectors('texts').bodies;
const body = (name: string) => Buffer.from(golden[name]!, 'hex');
const queue = (queueId: number) => ({ topic: 'orders', brokerName: 'a', queueId });

describe('bodies made by RocketMQ', () => {
  it('heartbeat', () => {
    const heartbeat = decodeHeartbeatData(body('heartbeat'));
    expect(heartbeat).toMatchObject({
      clientID: '10.0.0.9@1234#567',
      producerDataSet: [{ groupName: 'CLIENT_INNER_PRODUCER' }],
      consumerDataSet: [
        { groupName: 'billing', messageModel: 'CLUSTERING', consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' },
      ],
    });
    expect(heartbeat.consumerDataSet[0]!.subscriptionDataSet[0]).toMatchObject({
      topic: 'orders',
      tagsSet: ['created', 'paid'],
    });
    expect(decodeHeartbeatData(encodeHeartbeatData(heartbeat))).toEqual(heartbeat);
  });

  it.each(['routeUnquoted', 'routeStandard'])('%s', (name) => {
    const route = decodeTopicRouteData(body(name));
    expect(route).toEqual({
      brokerDatas: [
        {
          cluster: 'c',
          brokerName: 'a',
          brokerAddrs: new Map([
            [0, '10.0.0.1:10911'],
            [1, '10.0.0.2:10911'],
          ]),
        },
      ],
      queueDatas: [{ brokerName: 'a', readQueueNums: 8, writeQueueNums: 4, perm: 6, topicSysFlag: 0 }],
      orderTopicConf: undefined,
    });
    const ours = encodeTopicRouteData(route);
    expect(decodeTopicRouteData(ours)).toEqual(route);
    expect(ours.toString()).toContain('"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"}');
  });

  it('cluster info', () => {
    const info = decodeClusterInfo(body('clusterInfo'));
    expect(info.clusterAddrTable).toEqual(new Map([['c', ['a']]]));
    expect(info.brokerAddrTable.get('a')!.brokerAddrs.get(1)).toBe('10.0.0.2:10911');
    expect(decodeClusterInfo(encodeClusterInfo(info))).toEqual(info);
  });

  it('locks', () => {
    const request = decodeLockBatchRequestBody(body('lockRequest'));
    expect(request).toEqual({
      consumerGroup: 'billing',
      clientId: '10.0.0.9@1234#567',
      mqSet: [queue(0), queue(1)],
      onlyThisBroker: false,
    });
    expect(decodeLockBatchRequestBody(encodeLockBatchRequestBody(request))).toEqual(request);
    const response = decodeLockBatchResponseBody(body('lockResponse'));
    expect(response).toEqual({ lockOKMQSet: [queue(1)] });
    expect(decodeLockBatchResponseBody(encodeLockBatchResponseBody(response))).toEqual(response);
  });

  it('lists', () => {
    const topics = decodeTopicList(body('topicList'));
    expect(topics.topicList).toEqual(['orders', 'bills']);
    expect(decodeTopicList(encodeTopicList(topics))).toEqual(topics);
    const consumers = decodeConsumerListBody(body('consumerList'));
    expect(consumers.consumerIdList).toEqual(['10.0.0.9@1#2', '10.0.0.9@3#4']);
    expect(decodeConsumerListBody(encodeConsumerListBody(consumers))).toEqual(consumers);
  });

  it('registration', () => {
    const registration = decodeRegisterBrokerBody(body('registerBroker'));
    expect(registration.dataVersion).toEqual({ counter: 3, stateVersion: 0, timestamp: 1_700_000_000_000 });
    const orders = registration.topicConfigTable.get('orders')!;
    expect(orders).toMatchObject({ topicName: 'orders', readQueueNums: 8, writeQueueNums: 4, perm: 6, order: false });
    expect(registration.topicConfigTable.size).toBe(2);
    const again = decodeRegisterBrokerBody(encodeRegisterBrokerBody(registration));
    expect(again).toEqual(registration);
    expect(sameDataVersion(again.dataVersion, registration.dataVersion)).toBe(true);
    expect(sameDataVersion(again.dataVersion, { ...again.dataVersion, counter: 4 })).toBe(false);
    expect(decodeTopicConfig(encodeTopicConfig(orders))).toEqual(orders);
  });

  it('a table keyed by queues, as object and as text', () => {
    const table = (readJson(body('offsetsByQueue')) as JsonObject).get('offsetTable') as JsonObject;
    expect([...table].map(([key, offset]) => [messageQueueFromKey(key), offset])).toEqual([[queue(3), 77]]);
    const quoted = readJson(`{"{\\"brokerName\\":\\"a\\",\\"queueId\\":3,\\"topic\\":\\"orders\\"}":77}`) as JsonObject;
    expect(messageQueueFromKey([...quoted.keys()][0]!)).toEqual(queue(3));
  });
});

describe('decoders of bodies', () => {
  it('take null for an empty set, as Go and Java send it', () => {
    const heartbeat = decodeHeartbeatData(Buffer.from('{"clientID":"c","producerDataSet":null}'));
    expect(heartbeat).toMatchObject({ producerDataSet: [], consumerDataSet: [] });
  });

  it.each([
    '',
    'x',
    '[]',
    '{}',
    '{"clientID":1}',
    '{"clientID":"c","consumerDataSet":{}}',
    '{"clientID":"c","consumerDataSet":[1]}',
    '{"clientID":"c","consumerDataSet":[{"groupName":"g","subscriptionDataSet":[{"topic":"t","codeSet":["1"]}]}]}',
    '{"clientID":"c"}x',
  ])('refuse %j with the typed error', (text) => {
    expect(codeOf(() => decodeHeartbeatData(Buffer.from(text)))).toBe('BAD_ARGUMENT');
  });

  it('keep dangerous keys harmless', () => {
    const registration = decodeRegisterBrokerBody(
      Buffer.from('{"topicConfigSerializeWrapper":{"topicConfigTable":{"__proto__":{"topicName":"__proto__"}}}}'),
    );
    expect(registration.topicConfigTable.get('__proto__')!.topicName).toBe('__proto__');
    const again = decodeRegisterBrokerBody(encodeRegisterBrokerBody(registration));
    expect([...again.topicConfigTable.keys()]).toEqual(['__proto__']);
    expect(({} as { topicName?: string }).topicName).toBeUndefined();
  });
});

function plain(value: JsonValue): unknown {
  if (value instanceof Map) {
    return [...value].map(([key, inner]) => [key, plain(inner)]);
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

function entries(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(entries);
  }
  return typeof value === 'object' && value !== null
    ? Object.entries(value).map(([key, inner]) => [key, entries(inner)])
    : value;
}

describe('readJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.boolean(), (text, spaced) => {
        const value: unknown = JSON.parse(text);
        const source = spaced ? JSON.stringify(value, null, ' ') : text;
        // JSON.parse keeps -0; the difference is of no use here.
        expect(JSON.stringify(plain(readJson(Buffer.from(source))))).toBe(JSON.stringify(entries(value)));
      }),
      { numRuns: 300 },
    );
  });

  it('reads bare keys and objects as keys', () => {
    expect(plain(readJson('{0:"a",-1:"b",name:[1],{"q":{"r":0}}:2}'))).toEqual([
      ['0', 'a'],
      ['-1', 'b'],
      ['name', [1]],
      ['{"q":{"r":0}}', 2],
    ]);
  });

  it('reads escapes', () => {
    expect(readJson('"\\u4e16\\u754c \\ud83d\\ude00 \\" \\\\ \\/ \\b\\f\\n\\r\\t"')).toBe('世界 😀 " \\ / \b\f\n\r\t');
    for (const text of ['"\\x"', '"\\u12"', '"\\u12g4"', '"open', '"\\']) {
      expect([text, codeOf(() => readJson(text))]).toEqual([text, 'BAD_ARGUMENT']);
    }
  });

  it('keeps its bounds', () => {
    expect(codeOf(() => readJson('['.repeat(100_000)))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => readJson('{'.repeat(100_000)))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => readJson('{a:'.repeat(100_000)))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => readJson('[0,0,0]', { maxValues: 3 }))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => readJson('"long"', { maxBytes: 5 }))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => readJson('[[]]', { maxDepth: 1 }))).toBeUndefined();
    expect(codeOf(() => readJson('[[[]]]', { maxDepth: 1 }))).toBe('BAD_ARGUMENT');
  });

  it('answers anything else with the typed error', () => {
    const odd = fc.string({ unit: fc.constantFrom(...'{}[]":,0-1.e\\untrfalse '), maxLength: 20 });
    fc.assert(
      fc.property(odd, (text) => {
        expect([undefined, 'BAD_ARGUMENT']).toContain(codeOf(() => readJson(text)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('message queues', () => {
  it('have one order for all members, whatever the locale', () => {
    const names = ['b', 'a', 'B', 'ä', '10', '9'].map((topic) => ({ topic, brokerName: 'x', queueId: 0 }));
    expect(names.sort(compareMessageQueues).map(({ topic }) => topic)).toEqual(['10', '9', 'B', 'a', 'b', 'ä']);
    expect([queue(10), queue(9)].sort(compareMessageQueues)).toEqual([queue(9), queue(10)]);
  });

  it('have one key each', () => {
    expect(messageQueueKey(queue(3))).toBe('orders@a@3');
  });
});
