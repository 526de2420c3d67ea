import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  createResponse,
  decodeRecord,
  encodeHeartbeatData,
  encodeMemberPositions,
  readJson,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
} from '../../../lib/protocol/index.js';
import { TestBroker, type TestClient } from '../harness.js';

const OLD = 409;
const json = (body: Buffer | undefined) => JSON.parse(body!.toString());

describe('who is connected', () => {
  let broker: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    broker = await TestBroker.start();
    client = broker.client('one', '10.0.0.1:4000');
  });
  afterEach(() => broker.stop());

  /** A request, or a heartbeat, of a client with another version or language. */
  const as = (
    from: TestClient,
    who: { version?: number; language?: number },
    code: number,
    header: object,
    body?: Buffer,
  ) => from.channel.invoke({ ...createRequest(code, header, body), ...who }, 10_000);

  it('shows the members of a group with what they want', async () => {
    await client.join('billing', 'orders', 'paid || created');
    const { connectionSet, subscriptionTable, ...more } = json(
      (await client.invoke(RequestCode.GET_CONSUMER_CONNECTION_LIST, { consumerGroup: 'billing' })).body,
    );
    expect(connectionSet).toEqual([{ clientId: 'one', clientAddr: '10.0.0.1:4000', language: 'OTHER', version: 479 }]);
    expect(subscriptionTable.orders).toEqual({
      topic: 'orders',
      subString: 'paid || created',
      tagsSet: ['paid', 'created'],
      codeSet: [3433164, 1028554472],
      subVersion: 1,
      expressionType: 'TAG',
      classFilterMode: false,
    });
    expect(more).toEqual({
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
    });
    const one = { group: 'billing', topic: 'orders' };
    const subscription = await client.invoke(RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, one);
    expect(json(subscription.body)).toMatchObject({ ...one, subscriptionData: { subString: 'paid || created' } });
    const none = await client.invoke(RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, { group: 'billing', topic: 'mails' });
    expect(json(none.body).subscriptionData).toBeNull();
  });

  it('says that a group is away', async () => {
    await client.join('billing', 'orders');
    await client.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: 'one', consumerGroup: 'billing' });
    const answer = await client.invoke(RequestCode.GET_CONSUMER_CONNECTION_LIST, { consumerGroup: 'billing' });
    expect(answer.code).toBe(ResponseCode.CONSUMER_NOT_ONLINE);
  });

  it('shows producers, of one group and of all', async () => {
    const body = encodeHeartbeatData({ clientID: 'one', producerDataSet: [{ groupName: 'p' }], consumerDataSet: [] });
    await as(client, { language: 13, version: 479 }, RequestCode.HEART_BEAT, {}, body);
    await broker.clock.advance(5_000);
    const code = RequestCode.GET_PRODUCER_CONNECTION_LIST;
    const { connectionSet } = json((await client.invoke(code, { producerGroup: 'p' })).body);
    expect(connectionSet).toEqual([
      { clientId: 'one', clientAddr: '10.0.0.1:4000', language: 'NODE_JS', version: 479 },
    ]);
    expect((await client.invoke(code, { producerGroup: 'nobody' })).code).toBe(ResponseCode.SYSTEM_ERROR);
    const { data } = json((await client.invoke(RequestCode.GET_ALL_PRODUCER_INFO)).body);
    expect(data.p).toEqual([
      {
        clientId: 'one',
        remoteIP: '10.0.0.1:4000',
        language: 'NODE_JS',
        version: 479,
        lastUpdateTimestamp: broker.clock.now() - 5_000,
      },
    ]);
    // Java's tools before 5 know no such language, and would refuse the whole answer.
    const old = await as(client, { version: OLD }, code, { producerGroup: 'p' });
    expect(json(old.body).connectionSet[0].language).toBe('OTHER');
  });

  it('answers clients before RocketMQ 5 with codes that they know', async () => {
    const header = {
      topic: 'TBW102',
      defaultTopic: '',
      readQueueNums: 1,
      writeQueueNums: 1,
      perm: 6,
      topicFilterType: '',
    };
    const make = (version: number) => as(client, { version }, RequestCode.UPDATE_AND_CREATE_TOPIC, header);
    expect((await make(479)).code).toBe(ResponseCode.INVALID_PARAMETER);
    expect((await make(OLD)).code).toBe(ResponseCode.SYSTEM_ERROR);
  });

  describe('and asked', () => {
    const heard: RemotingCommand[] = [];
    const answers = (answer: (request: RemotingCommand) => RemotingCommand | undefined) => {
      client.channel.onRequest((request, _channel, respond) => {
        if (request.code === RequestCode.NOTIFY_CONSUMER_IDS_CHANGED) return;
        heard.push(request);
        const response = answer(request);
        if (response !== undefined) respond(response);
      });
    };
    beforeEach(async () => {
      heard.length = 0;
      await client.join('billing', 'orders');
    });

    it('hands on what a member says of itself, in its own words', async () => {
      const body = Buffer.from('{"properties":{},"mqTable":{{"brokerName":"b","queueId":0,"topic":"t"}:{}}}');
      answers(() => createResponse(0, {}, undefined, body));
      const admin = broker.client('admin');
      const header = { consumerGroup: 'billing', clientId: 'one', jstackEnable: true };
      const answer = await admin.invoke(RequestCode.GET_CONSUMER_RUNNING_INFO, header);
      expect(answer).toMatchObject({ code: 0, body });
      expect(heard.map(({ code, header: asked }) => [code, asked])).toEqual([[307, header]]);
      answers(() => createResponse(ResponseCode.SYSTEM_ERROR, {}, 'not here'));
      expect(await admin.invoke(RequestCode.GET_CONSUMER_RUNNING_INFO, header)).toMatchObject({
        code: ResponseCode.SYSTEM_ERROR,
        remark: 'not here',
      });
    });

    it('gives a message to a member and hands on what became of it', async () => {
      const { msgId } = await client.sent('orders', 'payload');
      answers(() => createResponse(0, {}, undefined, Buffer.from('{"consumeResult":"CR_SUCCESS"}')));
      const header = { consumerGroup: 'billing', clientId: 'one', msgId };
      const answer = await broker.client('admin').invoke(RequestCode.CONSUME_MESSAGE_DIRECTLY, header);
      expect(json(answer.body)).toEqual({ consumeResult: 'CR_SUCCESS' });
      expect(heard[0]!.header).toMatchObject({ ...header, brokerName: 'nestmq' });
      expect(decodeRecord(heard[0]!.body!).body.toString()).toBe('payload');
    });

    it('takes any member when none is named', async () => {
      const { msgId } = await client.sent('orders', 'payload');
      answers(() => createResponse(0, {}));
      await broker.client().invoke(RequestCode.CONSUME_MESSAGE_DIRECTLY, { consumerGroup: 'billing', msgId });
      expect(heard[0]!.header).toMatchObject({ clientId: 'one' });
    });

    it.each([
      ['a stranger', { clientId: 'nobody' }, ResponseCode.SYSTEM_ERROR],
      ['a group that is away', { consumerGroup: 'others' }, ResponseCode.SYSTEM_ERROR],
      ['an id that is none', { msgId: 'x' }, ResponseCode.INVALID_PARAMETER],
      ['no message', { msgId: undefined }, ResponseCode.INVALID_PARAMETER],
      ['a place without a message', { msgId: '7F00000100002694000000000000FFFF' }, ResponseCode.SYSTEM_ERROR],
    ])('refuses to give a message to %s', async (_what, more, code) => {
      const { msgId } = await client.sent('orders', 'payload');
      const header = { consumerGroup: 'billing', clientId: 'one', msgId, ...more };
      expect((await client.invoke(RequestCode.CONSUME_MESSAGE_DIRECTLY, header)).code).toBe(code);
      expect(heard).toEqual([]);
    });

    it('says that a member took too long, or left meanwhile', async () => {
      answers(() => undefined);
      const header = { consumerGroup: 'billing', clientId: 'one' };
      const late = broker.client().invoke(RequestCode.GET_CONSUMER_RUNNING_INFO, header);
      await broker.clock.advance(10_100);
      expect((await late).code).toBe(ResponseCode.CONSUME_MSG_TIMEOUT);
      const gone = broker.client().invoke(RequestCode.GET_CONSUMER_RUNNING_INFO, header);
      await client.channel.close();
      expect((await gone).code).toBe(ResponseCode.SYSTEM_ERROR);
    });

    it('does not ask a member that would not know the question', async () => {
      const ancient = broker.client('ancient');
      const heartbeat = encodeHeartbeatData({
        clientID: 'ancient',
        producerDataSet: [],
        consumerDataSet: [
          {
            groupName: 'old',
            consumeType: 'CONSUME_PASSIVELY',
            messageModel: 'CLUSTERING',
            consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
            subscriptionDataSet: [],
            unitMode: false,
          },
        ],
      });
      await as(ancient, { version: 20 }, RequestCode.HEART_BEAT, {}, heartbeat);
      const header = { consumerGroup: 'old', clientId: 'ancient' };
      expect((await client.invoke(RequestCode.GET_CONSUMER_RUNNING_INFO, header)).code).toBe(ResponseCode.SYSTEM_ERROR);
      const status = { group: 'old', topic: 'orders' };
      expect((await client.invoke(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, status)).code).toBe(
        ResponseCode.SYSTEM_ERROR,
      );
    });

    it('collects the positions of those members that answer', async () => {
      const queue = { topic: 'orders', brokerName: 'nestmq', queueId: 2 };
      answers(() => createResponse(0, {}, undefined, encodeMemberPositions([{ queue, offset: 7 }])));
      const silent = broker.client('silent');
      silent.channel.onRequest(() => undefined);
      await silent.join('billing', 'orders');
      const header = { group: 'billing', topic: 'orders' };
      const answer = broker.client().invoke(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, header);
      await broker.clock.advance(5_100);
      expect((await answer).body!.toString()).toBe(
        '{"consumerTable":{"one":{{"brokerName":"nestmq","queueId":2,"topic":"orders"}:7}},"messageQueueTable":{}}',
      );
      const one = await client.invoke(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, {
        ...header,
        clientAddr: 'one',
      });
      expect(readJson(one.body!)).toBeInstanceOf(Map);
      const nobody = { ...header, group: 'nobody' };
      expect((await client.invoke(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, nobody)).code).toBe(1);
    });
  });
});
