import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  createResponse,
  encodeHeartbeatData,
  encodeProperties,
  getProperty,
  PropertyName,
  type RemotingCommand,
  type ReplyMessageRequestHeader,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import type { Respond } from '../../lib/remoting/index.js';
import { sendHeader, TestBroker, type TestClient } from './harness.js';

describe('replies', () => {
  let broker: TestBroker;
  let requester: TestClient;
  let responder: TestClient;
  let pushed: RemotingCommand[];
  let accept: (request: RemotingCommand, respond: Respond) => void;

  beforeEach(async () => {
    broker = await TestBroker.start();
    requester = broker.client('requester');
    responder = broker.client('responder');
    pushed = [];
    accept = (_request, respond) => respond(createResponse(ResponseCode.SUCCESS, {}));
    requester.channel.onRequest((request, _channel, respond) => {
      pushed.push(request);
      accept(request, respond);
    });
    await producerHeartbeat(requester);
  });
  afterEach(() => broker.stop());

  const producerHeartbeat = (client: TestClient): Promise<RemotingCommand> => {
    const data = { clientID: client.clientId, producerDataSet: [{ groupName: 'p' }], consumerDataSet: [] };
    return client.channel.invoke(createRequest(RequestCode.HEART_BEAT, {}, encodeHeartbeatData(data)), 3000);
  };
  const properties = (to: string | undefined = 'requester'): string =>
    encodeProperties([
      [PropertyName.MESSAGE_TYPE, 'reply'],
      [PropertyName.CORRELATION_ID, 'c-1'],
      ...(to === '' ? [] : [[PropertyName.REPLY_TO_CLIENT, to] as const]),
    ]);
  const reply = (code: number, to?: string, body = Buffer.from('the reply')): Promise<RemotingCommand> =>
    responder.channel.invoke(
      createRequest(code, { ...sendHeader('DefaultCluster_REPLY_TOPIC', {}), properties: properties(to) }, body),
      60_000,
    );

  it('have a topic that may be written to: without one a Java client does not even try', () => {
    expect(broker.broker.topics.get('DefaultCluster_REPLY_TOPIC')).toMatchObject({ perm: 6, writeQueueNums: 1 });
  });

  it.each([RequestCode.SEND_REPLY_MESSAGE, RequestCode.SEND_REPLY_MESSAGE_V2])(
    'code %i hands it to the client that it names, and answers when that has it',
    async (code) => {
      const response = await reply(code);
      expect(response).toMatchObject({ code: ResponseCode.SUCCESS, header: { msgId: '0' } });
      const [push] = pushed;
      expect(push).toMatchObject({ code: RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT });
      expect(push!.body!.toString()).toBe('the reply');
      const header = push!.header as ReplyMessageRequestHeader;
      expect(header.topic).toBe('DefaultCluster_REPLY_TOPIC');
      expect(getProperty(header.properties!, PropertyName.CORRELATION_ID)).toBe('c-1');
      expect(Number(getProperty(header.properties!, PropertyName.PUSH_REPLY_TIME))).toBeGreaterThan(0);
      // It is worth nothing once its requester is gone.
      expect(broker.store.maxOffset('DefaultCluster_REPLY_TOPIC', 0)).toBe(0);
    },
  );

  it('answers 1 when the requester is not there, or leaves meanwhile', async () => {
    expect(await reply(RequestCode.SEND_REPLY_MESSAGE_V2, 'nobody')).toMatchObject({
      code: ResponseCode.SYSTEM_ERROR,
      remark: expect.stringContaining('nobody') as never,
    });
    accept = () => void requester.channel.close();
    expect((await reply(RequestCode.SEND_REPLY_MESSAGE_V2)).code).toBe(ResponseCode.SYSTEM_ERROR);
    expect((await reply(RequestCode.SEND_REPLY_MESSAGE_V2)).code).toBe(ResponseCode.SYSTEM_ERROR);
  });

  it('answers 1 when the requester refuses it, or says nothing for 10 s', async () => {
    accept = (_request, respond) => respond(createResponse(ResponseCode.SYSTEM_ERROR, {}, 'not mine'));
    expect((await reply(RequestCode.SEND_REPLY_MESSAGE_V2)).remark).toMatch(/not mine/);
    accept = () => undefined;
    const silent = reply(RequestCode.SEND_REPLY_MESSAGE_V2);
    await broker.clock.advance(9_900);
    let answered = false;
    void silent.then(() => (answered = true));
    await broker.clock.settle();
    expect(answered).toBe(false);
    await broker.clock.advance(200);
    expect((await silent).code).not.toBe(ResponseCode.SUCCESS);
  });

  it('refuses one that names nobody, and one that is too large', async () => {
    expect((await reply(RequestCode.SEND_REPLY_MESSAGE_V2, '')).code).not.toBe(ResponseCode.SUCCESS);
    const large = await reply(RequestCode.SEND_REPLY_MESSAGE_V2, 'requester', Buffer.alloc(4 * 1024 * 1024 + 1));
    expect(large.remark).toMatch(/too large/);
    expect(pushed).toEqual([]);
  });

  it('goes to the connection that the client has now', async () => {
    const again = broker.client('requester');
    const later: RemotingCommand[] = [];
    again.channel.onRequest((request, _channel, respond) => {
      later.push(request);
      respond(createResponse(ResponseCode.SUCCESS, {}));
    });
    await producerHeartbeat(again);
    await requester.channel.close();
    expect((await reply(RequestCode.SEND_REPLY_MESSAGE_V2)).code).toBe(ResponseCode.SUCCESS);
    expect([pushed.length, later.length]).toEqual([0, 1]);
  });
});
