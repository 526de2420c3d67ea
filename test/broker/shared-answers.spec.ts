import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Asked, SharedAnswer, SharedAnswers } from '../../lib/broker/shared-answers.js';
import {
  createRequest,
  decodeRecords,
  type PullMessageRequestHeader,
  type PullMessageResponseHeader,
  PullSysFlag,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { createInProcessPair } from '../../lib/remoting/index.js';
import type { ReadResult } from '../../lib/store/index.js';
import { pullHeader, TestBroker, TestClient } from './harness.js';

describe('shared answers', () => {
  const asked: Asked = { topicNumber: 1, queueId: 0, offset: 10, maxMessages: 512, maxBytes: 1000, wish: 'TAG *' };
  const body = Buffer.from('x');
  let ends: { minOffset: number; maxOffset: number };
  let given: number;
  let answers: SharedAnswers;

  beforeEach(() => {
    ends = { minOffset: 0, maxOffset: 20 };
    given = 0;
    answers = new SharedAnswers({ minOffset: () => ends.minOffset, maxOffset: () => ends.maxOffset });
  });

  function keep(overrides: Partial<Asked> = {}, result: Partial<ReadResult> = {}): SharedAnswer {
    const whole: ReadResult = {
      status: 'FOUND',
      nextBeginOffset: 20,
      ...ends,
      chunks: [body],
      messageCount: 10,
      ...result,
    };
    return answers.keep({ ...asked, ...overrides }, whole, body, () => void given++);
  }

  const found = (overrides: Partial<Asked> = {}): SharedAnswer | undefined =>
    answers.find('orders', { ...asked, ...overrides });

  it.each([
    ['a successor of the topic', { topicNumber: 2 }],
    ['another queue', { queueId: 1 }],
    ['another offset', { offset: 11 }],
    ['another limit of bytes', { maxBytes: 999 }],
    ['another wish that is equally long', { wish: 'TAG a' }],
    ['fewer messages than it has', { maxMessages: 9 }],
  ])('are not for %s', (_what, other) => {
    const answer = keep();
    answer.use();
    expect(found(other)).toBeUndefined();
    expect(found()).toBe(answer);
  });

  it('serve another limit of messages as long as neither was reached', () => {
    keep().use();
    expect(found({ maxMessages: 11 })).toBeDefined();
    expect(found({ maxMessages: 10 })).toBeUndefined();
    keep({ offset: 0, maxMessages: 10 }, { nextBeginOffset: 10 }).use();
    expect(found({ offset: 0, maxMessages: 10 })).toBeDefined();
    expect(found({ offset: 0, maxMessages: 11 })).toBeUndefined();
  });

  it('do not stand once the queue has more to give', () => {
    keep().use();
    ends.maxOffset = 21;
    expect(found()).toBeUndefined();
  });

  it('stand while the queue grows if they had no room for more', () => {
    keep({}, { nextBeginOffset: 15 }).use();
    ends.maxOffset = 21;
    expect(found()).toBeDefined();
  });

  it('do not stand once their first message has expired', () => {
    keep().use();
    ends.minOffset = 10;
    expect(found()).toBeDefined();
    ends.minOffset = 11;
    expect(found()).toBeUndefined();
  });

  it('are given back once, when the last who uses them lets go', () => {
    const answer = keep();
    const first = answer.use();
    const second = answer.use();
    first();
    first();
    expect([given, answers.size]).toEqual([0, 1]);
    expect(found()).toBe(answer);
    second();
    second();
    expect([given, answers.size]).toEqual([1, 0]);
  });

  it('are held for who is answered in the same turn', () => {
    const answer = keep();
    const left = answer.use();
    answers.hold(answer);
    left();
    expect(found()).toBe(answer);
    answers.release();
    answers.release();
    expect([given, answers.size]).toEqual([1, 0]);
  });

  it('are a few: the oldest is found no more, and still given back', () => {
    const oldest = keep({ offset: 0 }).use();
    for (let offset = 1; offset <= 8; offset++) keep({ offset }).use();
    expect(answers.size).toBe(8);
    expect(found({ offset: 0 })).toBeUndefined();
    oldest();
    expect([given, answers.size]).toEqual([1, 8]);
  });
});

const LARGE = 30_000;

describe('pulls that ask alike', () => {
  let broker: TestBroker;
  let producer: TestClient;
  /** What was asked of the store. */
  let reads: number;

  beforeEach(async () => {
    broker = await TestBroker.start();
    producer = broker.client();
    await producer.sent('orders', 'first', { tag: 'a' });
    reads = 0;
    const { read } = broker.store;
    broker.store.read = (query) => {
      reads++;
      return read.call(broker.store, query);
    };
  });
  afterEach(() => broker.stop());

  /** A client whose answers are copied on their way, as over TCP, and leave when the test says so. */
  class FarClient extends TestClient {
    readonly leaving: (() => void)[] = [];

    static open(id: string): FarClient {
      const { client, server } = createInProcessPair(broker.clock);
      const far = new FarClient(client, id);
      const { onRequest } = server;
      Object.defineProperty(server, 'givesBack', { value: true });
      server.onRequest = (handler) =>
        onRequest.call(server, (request, from, respond) =>
          handler(request, from, (response, sent) => {
            if (sent !== undefined) far.leaving.push(sent);
            respond(response);
          }),
        );
      broker.broker.accept(server);
      return far;
    }

    ask(group: string, offset: number, overrides: Partial<PullMessageRequestHeader> = {}): Promise<RemotingCommand> {
      const header = pullHeader(group, 'orders', 0, offset, { sysFlag: PullSysFlag.SUSPEND, ...overrides });
      return this.channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 60_000);
    }
  }

  const headerOf = ({ header }: RemotingCommand) => header as PullMessageResponseHeader;
  const texts = ({ body }: RemotingCommand) => decodeRecords(body!).map((record) => record.body.toString());
  const joined = (expressions: readonly string[]) =>
    Promise.all(
      expressions.map(async (expression, index) => {
        const client = FarClient.open(`far-${index}`);
        await client.join(`group-${index}`, 'orders', expression);
        return client;
      }),
    );
  const waiting = (clients: readonly FarClient[], offset: number) =>
    clients.map((client, index) => client.ask(`group-${index}`, offset));

  it('share what they waited for: the store is read once', async () => {
    const clients = await joined(['*', '*', '*']);
    const pulls = waiting(clients, 1);
    reads = 0;
    await producer.sent('orders', 'second');
    const answers = await Promise.all(pulls);
    expect(reads).toBe(1);
    expect(answers.map(texts)).toEqual([['second'], ['second'], ['second']]);
    expect(answers.map(headerOf)).toEqual(
      Array.from({ length: 3 }, () => ({ ...headerOf(answers[0]!), nextBeginOffset: 2, maxOffset: 2 })),
    );
    // A group that was not among them reads for itself, as nothing is under way any more.
    for (const { leaving } of clients) for (const sent of leaving) sent();
    await clients[0]!.ask('group-0', 1);
    expect(reads).toBe(2);
  });

  it('get what they want: tags that differ are read apart', async () => {
    const clients = await joined(['a', 'b', 'a || b', 'a']);
    const pulls = waiting(clients, 1);
    reads = 0;
    await producer.sent('orders', 'of a', { tag: 'a' });
    await producer.sent('orders', 'of b', { tag: 'b' });
    expect((await Promise.all(pulls)).map(texts)).toEqual([['of a'], ['of b'], ['of a'], ['of a']]);
    expect(reads).toBe(3);
  });

  it('share what is still under way, and not what has left', async () => {
    const [near, far] = (await joined(['*', '*'])) as [FarClient, FarClient];
    await producer.sent('orders', 'x'.repeat(LARGE));
    reads = 0;
    const one = await near.ask('group-0', 1);
    const other = await far.ask('group-1', 1);
    expect([reads, other.body]).toEqual([1, one.body]);
    expect(other.body!.buffer).toBe(one.body!.buffer);
    near.leaving.pop()!();
    await far.ask('group-1', 1);
    expect(reads).toBe(1);
    for (const sent of far.leaving) sent();
    await near.ask('group-0', 1);
    expect(reads).toBe(2);
  });

  it('get what has come since, and where the queue ends now', async () => {
    const [near, far] = (await joined(['*', '*'])) as [FarClient, FarClient];
    await producer.sent('orders', 'x'.repeat(LARGE));
    await near.ask('group-0', 1);
    await producer.sent('orders', 'more');
    expect(texts(await far.ask('group-1', 1))).toEqual(['x'.repeat(LARGE), 'more']);
    // Of two limited ones the second would get no more if it were read anew.
    const limited = { maxMsgNums: 1 };
    await near.ask('group-0', 1, limited);
    await producer.sent('orders', 'and more');
    reads = 0;
    const answer = await far.ask('group-1', 1, limited);
    expect([reads, headerOf(answer)]).toEqual([0, { ...headerOf(answer), nextBeginOffset: 2, maxOffset: 4 }]);
  });

  it('get nothing of the predecessor of a topic that was made again', async () => {
    const [near, far] = (await joined(['*', '*'])) as [FarClient, FarClient];
    await producer.sent('orders', 'x'.repeat(LARGE));
    expect(texts(await near.ask('group-0', 1))).toEqual(['x'.repeat(LARGE)]);
    await producer.invoke(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' });
    for (const letter of ['y', 'z']) await producer.sent('orders', letter.repeat(LARGE));
    expect(texts(await far.ask('group-1', 1))).toEqual(['z'.repeat(LARGE)]);
  });

  it('of a group that may not read now are refused, whatever is under way', async () => {
    const [near, far] = (await joined(['*', '*'])) as [FarClient, FarClient];
    await producer.sent('orders', 'x'.repeat(LARGE));
    await near.ask('group-0', 1);
    await broker.store.groups.update('group-1', { consumeEnable: false });
    expect((await far.ask('group-1', 1)).code).toBe(ResponseCode.NO_PERMISSION);
    await far.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: 'far-1', consumerGroup: 'group-1' });
    expect((await far.ask('group-1', 1)).code).toBe(ResponseCode.SUBSCRIPTION_NOT_EXIST);
  });

  describe('while one of them is slow', () => {
    /** Two answers under way, of which one leaves; then another of the same size. Gives what the slow one has now. */
    async function slowly(): Promise<string[]> {
      const [near, far] = (await joined(['*', '*'])) as [FarClient, FarClient];
      await producer.sent('orders', 'x'.repeat(LARGE));
      await near.ask('group-0', 1);
      const slow = await far.ask('group-1', 1);
      const gone = near.leaving.splice(0);
      for (const sent of [...gone, ...gone]) sent();
      await producer.sent('orders', 'y'.repeat(LARGE));
      expect(texts(await near.ask('group-0', 2))).toEqual(['y'.repeat(LARGE)]);
      return texts(slow);
    }

    it('its answer stays whole', async () => {
      expect(await slowly()).toEqual(['x'.repeat(LARGE)]);
    });

    it('would be seen to be overwritten if the first that leaves gave the memory back', async () => {
      const { use } = SharedAnswer.prototype;
      SharedAnswer.prototype.use = function (this: SharedAnswer) {
        return () => this['done'](this);
      };
      try {
        expect(await slowly()).toEqual(['y'.repeat(LARGE)]);
      } finally {
        SharedAnswer.prototype.use = use;
      }
    });

    it('or leaves, the others go on', async () => {
      const [near, far, third] = (await joined(['*', '*', '*'])) as [FarClient, FarClient, FarClient];
      await producer.sent('orders', 'x'.repeat(LARGE));
      await near.ask('group-0', 1);
      await far.channel.close();
      near.leaving.pop()!();
      expect(texts(await third.ask('group-2', 1))).toEqual(['x'.repeat(LARGE)]);
    });
  });
});
