import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  decodeDirectResult,
  decodeRunningInfo,
  type RemotingCommand,
  RequestCode,
  readJson,
  ResponseCode,
  createRequest,
} from '../../lib/protocol/index.js';
import type { Channel } from '../../lib/remoting/index.js';
import { ConsumeMode } from '../../lib/client/index.js';
import { ACK, retry, text, World } from './support.js';

describe('what a tool asks of a client, through the broker', () => {
  let world: World;
  let tool: Channel;
  beforeEach(async () => {
    world = await World.start();
    tool = await world.host.connector.connect('');
  });
  afterEach(() => world.stop());

  const ask = (code: number, header: object): Promise<RemotingCommand> =>
    world.drive(tool.invoke(createRequest(code, header), 60_000));
  const direct = async (clientId: string, msgId: string, group = 'g') =>
    ask(RequestCode.CONSUME_MESSAGE_DIRECTLY, { consumerGroup: group, clientId, msgId });

  it('is where it stands in the queues that it has', async () => {
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    await world.drive(client.producer.send(text('t', 'one')));
    await world.until(() => seen.length === 1);
    await world.clock.advance(20);
    const answer = await ask(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, { group: 'g', topic: 't' });
    expect(answer.code).toBe(0);
    const { consumerTable } = Object.fromEntries(
      readJson(answer.body!) as Map<string, Map<string, Map<string, number>>>,
    );
    const offsets = [...consumerTable!.get(client.clientId)!.values()];
    expect(offsets.reduce((sum, offset) => sum + offset, 0)).toBe(1);
    expect(offsets).toHaveLength(4);
    const other = { group: 'g', topic: 'other', clientAddr: client.clientId };
    expect((await ask(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, other)).body!.toString()).toContain(
      `${JSON.stringify(client.clientId)}:{}`,
    );
  });

  it('is how it is configured, what it holds and how busy it is', async () => {
    const client = await world.client();
    const started = world.clock.now();
    const { seen } = await world.consume(
      client,
      { group: 'g', mode: ConsumeMode.ORDERLY },
      { topic: 't', handle: ({ attempt }) => (attempt === 1 ? retry() : ACK) },
    );
    await world.drive(client.producer.send(text('t', 'one')));
    await world.until(() => seen.length === 2);
    await world.clock.advance(10_000);
    const answer = await ask(RequestCode.GET_CONSUMER_RUNNING_INFO, { consumerGroup: 'g', clientId: client.clientId });
    expect(answer.body!.toString()).toContain('"mqTable":{{"brokerName":"nestmq","queueId":0,"topic":"%RETRY%g"}:{');
    const info = decodeRunningInfo(answer.body!);
    expect(Object.fromEntries(info.properties)).toMatchObject({
      PROP_CONSUMEORDERLY: 'true',
      PROP_CONSUME_TYPE: 'CONSUME_PASSIVELY',
      PROP_NAMESERVER_ADDR: 'in-process',
    });
    expect(Number(info.properties.get('PROP_CONSUMER_START_TIMESTAMP'))).toBeGreaterThanOrEqual(started);
    expect(info.subscriptionSet.map(({ topic }) => topic).toSorted()).toEqual(['%RETRY%g', 't']);
    const busy = info.mqTable.find(({ info: queue }) => queue.commitOffset === 1)!;
    expect(busy.info).toMatchObject({ locked: true, droped: false, cachedMsgCount: 0 });
    expect(busy.info.lastConsumeTimestamp).toBeGreaterThan(started);
    expect(busy.info.lastPullTimestamp).toBeGreaterThanOrEqual(started);
    const status = info.statusTable.get('t')!;
    expect(status.consumeFailedMsgs).toBe(1);
    expect(status.consumeOKTPS).toBeGreaterThan(0);
    expect(status.pullTPS).toBeGreaterThan(0);
  });

  it('counts rates over a minute, and failures over an hour', async () => {
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', handle: () => retry(undefined, 500_000) },
    );
    for (let n = 0; n < 60; n++) await world.drive(client.producer.send(text('t', String(n))));
    await world.until(() => seen.length === 60);
    const status = async () => {
      const header = { consumerGroup: 'g', clientId: client.clientId };
      return decodeRunningInfo((await ask(RequestCode.GET_CONSUMER_RUNNING_INFO, header)).body!).statusTable.get('t')!;
    };
    await world.clock.advance(50_000);
    expect((await status()).consumeFailedTPS).toBeGreaterThan(0.5);
    await world.clock.advance(120_000);
    expect(await status()).toMatchObject({ consumeFailedTPS: 0, pullTPS: 0, consumeFailedMsgs: 60 });
  });

  it.each([
    ['acknowledged', () => ACK, 'CR_SUCCESS', undefined],
    ['to come again later', () => retry(new Error('later'), 5_000), 'CR_LATER', 'later'],
    [
      'failed',
      () => {
        throw new Error('broken');
      },
      'CR_THROW_EXCEPTION',
      'broken',
    ],
  ] as const)('is what becomes of a message: %s', async (_what, outcome, name, remark) => {
    const client = await world.client();
    const sent = await world.drive(client.producer.send(text('t', 'old', { tag: 'a' })));
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', tag: 'a', handle: () => outcome() },
    );
    await world.clock.advance(1000);
    expect(seen).toHaveLength(0);
    const before = consumer.state().queues;
    const answer = await direct(client.clientId, sent.offsetMessageId);
    expect(answer.code).toBe(0);
    expect(decodeDirectResult(answer.body!)).toMatchObject({ consumeResult: name, remark, order: false });
    expect(seen.map(({ body }) => body)).toEqual(['old']);
    await world.clock.advance(60_000);
    // Nothing came of it: no position, no retry.
    expect(consumer.state().queues).toEqual(before);
    expect(seen).toHaveLength(1);
  });

  it('hands a message that nobody listens for to nobody', async () => {
    const client = await world.client();
    const sent = await world.drive(client.producer.send(text('t', 'x', { tag: 'b' })));
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't', tag: 'a' });
    const result = decodeDirectResult((await direct(client.clientId, sent.offsetMessageId)).body!);
    expect(result.consumeResult).toBe('CR_RETURN_NULL');
    expect(seen).toHaveLength(0);
  });

  it('waits no longer than ten seconds for the handler', async () => {
    const client = await world.client();
    const sent = await world.drive(client.producer.send(text('t', 'x')));
    const binding = { topic: 't', handle: () => new Promise<typeof ACK>(() => undefined) };
    await world.consume(client, { group: 'g' }, binding);
    expect((await direct(client.clientId, sent.offsetMessageId)).code).toBe(ResponseCode.CONSUME_MSG_TIMEOUT);
  });

  it('is refused for strangers, messages that are not there, and ids that are none', async () => {
    const client = await world.client();
    const sent = await world.drive(client.producer.send(text('t', 'x')));
    await world.consume(client, { group: 'g' }, { topic: 't' });
    expect((await direct('nobody', sent.offsetMessageId)).code).toBe(ResponseCode.SYSTEM_ERROR);
    expect((await direct(client.clientId, sent.offsetMessageId, 'others')).code).toBe(ResponseCode.SYSTEM_ERROR);
    expect((await direct(client.clientId, 'no id')).code).toBe(ResponseCode.INVALID_PARAMETER);
    const gone = `${sent.offsetMessageId.slice(0, 16)}0000000000FFFFFF`;
    expect((await direct(client.clientId, gone)).code).toBe(ResponseCode.SYSTEM_ERROR);
    const header = { consumerGroup: 'g', clientId: 'nobody' };
    expect((await ask(RequestCode.GET_CONSUMER_RUNNING_INFO, header)).code).toBe(ResponseCode.SYSTEM_ERROR);
  });

  it('names topics as the broker does when the client has a namespace', async () => {
    const client = await world.client({ namespace: 'shop' });
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    const sent = await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => seen.length === 1);
    const header = { consumerGroup: 'shop%g', clientId: client.clientId };
    const info = decodeRunningInfo((await ask(RequestCode.GET_CONSUMER_RUNNING_INFO, header)).body!);
    expect(info.subscriptionSet.map(({ topic }) => topic).toSorted()).toEqual(['%RETRY%shop%g', 'shop%t']);
    expect(info.mqTable.every(({ queue }) => queue.topic.includes('shop%'))).toBe(true);
    expect([...info.statusTable.keys()]).toContain('shop%t');
    const positions = await ask(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, { group: 'shop%g', topic: 'shop%t' });
    expect(positions.body!.toString()).toContain('"topic":"shop%t"}:1');
    const result = decodeDirectResult((await direct(client.clientId, sent.offsetMessageId, 'shop%g')).body!);
    expect(result.consumeResult).toBe('CR_SUCCESS');
    expect(seen.map(({ message }) => message.topic)).toEqual(['t', 't']);
  });
});
