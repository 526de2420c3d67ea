import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import { ExtensionCode, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

interface Answer {
  offset: number;
  deaths?: number;
  suspectsUntil?: number;
  killer?: number;
}

const ask = async (client: TestClient, queueId = 0): Promise<Answer> => {
  const header = { consumerGroup: 'billing', topic: 'orders', queueId };
  return (await client.invoke(RequestCode.QUERY_CONSUMER_OFFSET, header)).header as Answer;
};
const commit = (client: TestClient, commitOffset: number) =>
  client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, {
    consumerGroup: 'billing',
    topic: 'orders',
    queueId: 0,
    commitOffset,
  });
const alone = (client: TestClient, queueOffset: number, done?: boolean, queueId = 0) =>
  client.invoke(ExtensionCode.HANDLE_ALONE, { consumerGroup: 'billing', topic: 'orders', queueId, queueOffset, done });

describe('a message that kills its process', () => {
  describe('together with the broker inside', () => {
    let disk: MemoryFileSystem;
    let running: TestBroker;
    let client: TestClient;

    /** What a killed process leaves: a store that nobody closed. Progress is flushed every second, so let one pass. */
    const die = async (): Promise<Answer> => {
      await running.clock.advance(1_500);
      return restart();
    };
    const restart = async (): Promise<Answer> => {
      running = await TestBroker.start({}, disk);
      client = running.client();
      await client.join('billing', 'orders');
      return ask(client);
    };

    beforeEach(async () => {
      disk = new MemoryFileSystem();
      running = await TestBroker.start({}, disk);
      client = running.client();
      await client.join('billing', 'orders');
      for (let i = 0; i < 10; i++) await client.sent('orders', `m${i}`);
      await commit(client, 4);
    });
    afterEach(() => running.stop());

    it('is suspected with its neighbours after the third death over the same position', async () => {
      expect(await die()).toEqual({ offset: 4 });
      expect(await die()).toEqual({ offset: 4 });
      expect(await die()).toMatchObject({ offset: 4, deaths: 3, suspectsUntil: 10, killer: undefined });
    });

    it('is not looked for while the group gets on between the deaths', async () => {
      for (let position = 5; position < 10; position++) {
        await commit(client, position);
        expect(await die()).toEqual({ offset: position });
      }
    });

    it('is not looked for after stops in order, nor when nothing was left to do', async () => {
      for (let i = 0; i < 4; i++) {
        await running.stop();
        expect(await restart()).toEqual({ offset: 4 });
      }
      await commit(client, 10);
      for (let i = 0; i < 4; i++) expect(await die()).toEqual({ offset: 10 });
    });

    it('is not looked for after deaths of the broker alone, which its clients have outlived', async () => {
      for (let i = 0; i < 4; i++) {
        await running.clock.advance(1_500);
        running = await TestBroker.start({ clientsLive: true }, disk);
        client = running.client();
        await client.join('billing', 'orders');
        expect(await ask(client)).toEqual({ offset: 4 });
      }
    });

    it('is not looked for when the group was not at work', async () => {
      await client.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: client.clientId, consumerGroup: 'billing' });
      for (let i = 0; i < 3; i++) {
        await running.clock.advance(1_500);
        running = await TestBroker.start({}, disk);
      }
      client = running.client();
      await client.join('billing', 'orders');
      expect(await ask(client)).toEqual({ offset: 4 });
    });

    it('is found by handling suspects alone: only what was in a handler at the death is the killer', async () => {
      await die();
      await die();
      await die();
      expect((await alone(client, 4)).code).toBe(0);
      await commit(client, 5);
      expect((await alone(client, 4, true)).code).toBe(0);
      expect((await alone(client, 5)).code).toBe(0);
      expect(await die()).toMatchObject({ offset: 5, deaths: 4, suspectsUntil: 10, killer: 5 });
      await commit(client, 6);
      await alone(client, 6);
      await commit(client, 7);
      await alone(client, 6, true);
      expect(await die()).toMatchObject({ offset: 7, deaths: 5, suspectsUntil: 10, killer: undefined });
    });

    it('is remembered although the position behind it was not stored yet', async () => {
      await die();
      await die();
      await die();
      await commit(client, 6);
      await alone(client, 6);
      // No second passes: the commit is lost, the announcement is not.
      expect(await restart()).toMatchObject({ offset: 4, killer: 6 });
    });

    it('is no matter any more once the group has got past the suspects', async () => {
      await die();
      await die();
      await die();
      await commit(client, 10);
      expect(await ask(client)).toEqual({ offset: 10 });
      await client.sent('orders', 'later');
      expect(await die()).toEqual({ offset: 10 });
    });

    it('is looked for among the first messages of a queue that never had a position', async () => {
      await client.sent('orders', 'first', { queueId: 2 });
      for (let i = 0; i < 3; i++) await die();
      const header = { consumerGroup: 'billing', topic: 'orders', queueId: 2, setZeroIfNotFound: false };
      const answer = await client.invoke(RequestCode.QUERY_CONSUMER_OFFSET, header);
      expect(answer.header).toMatchObject({ offset: 0, deaths: 3, suspectsUntil: 1 });
    });

    it('is handled with no other suspect of the process in a handler, so that none is accused by mistake', async () => {
      await client.sent('orders', 'other queue', { queueId: 1 });
      for (let i = 0; i < 3; i++) await die();
      await alone(client, 4);
      expect((await alone(client, 0, false, 1)).code).toBe(ResponseCode.SYSTEM_BUSY);
      await alone(client, 4, true);
      expect((await alone(client, 0, false, 1)).code).toBe(0);
    });

    it('is no matter any more when its topic is deleted', async () => {
      for (let i = 0; i < 3; i++) await die();
      await client.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
      for (let i = 0; i < 6; i++) await client.sent('orders', 'successor');
      await running.clock.settle();
      expect(await ask(client)).toEqual({ offset: 0 });
    });

    it('cannot be announced where nothing is suspected, nor by strangers', async () => {
      expect((await alone(client, 4)).code).toBe(ResponseCode.SYSTEM_ERROR);
      for (let i = 0; i < 3; i++) await die();
      expect((await alone(client, 10)).code).toBe(ResponseCode.SYSTEM_ERROR);
      expect((await alone(running.client(), 4)).code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST);
    });
  });

  describe('in a process that is connected over the network', () => {
    let broker: TestBroker;
    let remote = 0;

    /** A client whose channel has the address of another machine. */
    const join = async (clientId: string): Promise<TestClient> => {
      const client = broker.client(clientId, `10.0.0.7:${5000 + ++remote}`);
      await client.join('billing', 'orders');
      return client;
    };
    const work = async (clientId: string): Promise<[Answer, TestClient]> => {
      const client = await join(clientId);
      const answer = await ask(client);
      await client.pull('billing', 'orders', 0, answer.offset);
      return [answer, client];
    };

    beforeEach(async () => {
      broker = await TestBroker.start();
      await join('founder').then((client) => client.channel.close());
      for (let i = 0; i < 3; i++) await broker.client().sent('orders', `m${i}`);
    });
    afterEach(() => broker.stop());

    it('is suspected after three connections broke over it and others took over', async () => {
      for (let i = 0; i < 3; i++) {
        const [answer, client] = await work(`process-${i}`);
        expect(answer).toEqual({ offset: 0 });
        await client.channel.close();
      }
      const [answer, client] = await work('process-3');
      expect(answer).toMatchObject({ offset: 0, deaths: 3, suspectsUntil: 3 });
      await alone(client, 0);
      await client.channel.close();
      expect((await work('process-4'))[0]).toMatchObject({ deaths: 4, killer: 0 });
    });

    it('is not looked for in a successor of its topic', async () => {
      for (let i = 0; i < 2; i++) await work(`process-${i}`).then(([, client]) => client.channel.close());
      await broker.client().invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
      await join('founder').then((client) => client.channel.close());
      await broker.client().sent('orders', 'of the successor');
      for (let i = 2; i < 5; i++) {
        const [answer, client] = await work(`process-${i}`);
        expect(answer).toEqual({ offset: 0 });
        await client.channel.close();
      }
    });

    it('is not looked for when the same process comes back, or said good-bye', async () => {
      for (let i = 0; i < 4; i++) {
        const [answer, client] = await work('steady');
        expect(answer).toEqual({ offset: 0 });
        await client.channel.close();
      }
      await ask(await join('steady'));
      for (let i = 0; i < 4; i++) {
        const [answer, client] = await work(`polite-${i}`);
        expect(answer).toEqual({ offset: 0 });
        await client.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: `polite-${i}`, consumerGroup: 'billing' });
        await client.channel.close();
      }
    });
  });
});
