import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  createResponse,
  encodeProperties,
  PropertyName,
  RequestCode,
  ResponseCode,
  type RemotingCommand,
} from '../../lib/protocol/index.js';
import { ConsumeMode, type MessagingClient, RequestFailedError, type Settlement } from '../../lib/client/index.js';
import { ACK, bodies, gate, retry, text, World } from './support.js';

function reply(body: string): Settlement {
  return { kind: 'acknowledge', reply: { body: Buffer.from(body), contentType: 'text' } };
}

describe('requests', () => {
  let world: World;
  let asker: MessagingClient;
  let replier: MessagingClient;

  beforeEach(async () => {
    world = await World.start({ topics: ['quotes'] });
    asker = await world.client();
    replier = await world.client();
  });
  afterEach(() => world.stop());

  const ask = async (body: string, timeout = 5000): Promise<string | undefined> =>
    (await asker.requests.request(text('quotes', body), timeout))?.body.toString();
  const failure = async (promise: Promise<unknown>): Promise<RequestFailedError> => {
    const error: unknown = await world.drive(promise).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RequestFailedError);
    return error as RequestFailedError;
  };

  it('five thousand at once: each gets its own reply, and one timer watches over them', async () => {
    await world.consume(replier, { group: 'g' }, { topic: 'quotes', handle: (message) => reply(message.text()) });
    await world.drive(ask('first'));
    let timers = 0;
    const { after } = world.clock;
    world.clock.after = (...parameters) => {
      timers++;
      return after.apply(world.clock, parameters);
    };
    const all = Array.from({ length: 5000 }, (_, n) => `${n}`);
    const waiting = all.map((body) => ask(body));
    await Promise.resolve();
    const armed = timers;
    expect(await world.drive(Promise.all(waiting))).toEqual(all);
    expect(armed).toBeLessThan(10);
    expect(asker.counters).toMatchObject({ lateReplies: 0, requestsTimedOut: 0 });
  });

  it('time out each at its own time, never early', async () => {
    const start = world.clock.monotonic();
    const took = (millis: number): Promise<number> =>
      ask('x', millis).then(
        () => -1,
        () => world.clock.monotonic() - start,
      );
    const all = await world.drive(Promise.all([300, 100, 200, 105, 5].map(took)));
    [300, 100, 200, 105, 5].forEach((millis, index) => {
      expect(all[index]).toBeGreaterThanOrEqual(millis);
      expect(all[index]).toBeLessThanOrEqual(millis + 15);
    });
    expect(asker.counters.requestsTimedOut).toBe(5);
    await expect(world.drive(ask('x', 50))).rejects.toMatchObject({
      code: 'TIMEOUT',
      retryable: true,
      message: expect.stringMatching(/request to quotes within 50 ms/) as never,
    });
  });

  it('a reply that comes late, or a second time, is counted and dropped', async () => {
    const { open, opened } = gate();
    await world.consume(
      replier,
      { group: 'slow' },
      { topic: 'quotes', handle: () => opened.then(() => reply('late')) },
    );
    await expect(world.drive(ask('x', 100))).rejects.toMatchObject({ code: 'TIMEOUT' });
    open();
    await world.until(() => asker.counters.lateReplies === 1);
    await world.consume(replier, { group: 'second' }, { topic: 'quotes', handle: () => reply('two') });
    expect(['late', 'two']).toContain(await world.drive(ask('y')));
    await world.until(() => asker.counters.lateReplies === 2);
  });

  it('one that nobody waits for any more is not handled', async () => {
    const { consumer, seen } = await world.consume(
      replier,
      { group: 'g' },
      { topic: 'quotes', handle: () => reply('ok') },
    );
    consumer.pause('listener-0');
    await expect(world.drive(ask('old', 100))).rejects.toMatchObject({ code: 'TIMEOUT' });
    consumer.resume('listener-0');
    expect(await world.drive(ask('new'))).toBe('ok');
    expect(bodies(seen)).toEqual(['new']);
    expect(replier.counters.requestsOverdue).toBe(1);
  });

  it('a failure comes back with class, code and causes; what is thrown may be anything', async () => {
    class OutOfStock extends Error {
      readonly code = 'OUT';
    }
    const thrown: Record<string, unknown> = {
      error: new OutOfStock('no lanterns', { cause: new RangeError('0 left', { cause: new Error('deep') }) }),
      nothing: undefined,
      text: 'just text',
    };
    await world.consume(
      replier,
      { group: 'g' },
      {
        topic: 'quotes',
        handle: (message) => {
          throw thrown[message.text()];
        },
      },
    );
    const error = await failure(ask('error'));
    expect(error).toMatchObject({
      code: 'REQUEST_FAILED',
      errorClass: 'OutOfStock',
      remoteCode: 'OUT',
      retryable: false,
    });
    expect(error.cause).toMatchObject({ name: 'OutOfStock', message: 'no lanterns', code: 'OUT' });
    expect(error.cause).toMatchObject({ cause: { name: 'RangeError', cause: { name: 'Error', message: 'deep' } } });
    expect((await failure(ask('nothing'))).errorClass).toBe('undefined');
    expect((await failure(ask('text'))).message).toContain('just text');
  });

  it('causes that go in a circle, and messages without end, travel as far as they can', async () => {
    await world.consume(
      replier,
      { group: 'g' },
      {
        topic: 'quotes',
        handle: () => {
          const error = new Error('x'.repeat(10_000_000));
          error.cause = error;
          throw error;
        },
      },
    );
    const error = await failure(ask('x'));
    expect(error.message.length).toBeLessThan(20_000);
  });

  it('a reply that is too large is a failure at once, not a time-out', async () => {
    await world.consume(replier, { group: 'g' }, { topic: 'quotes', handle: () => reply('x'.repeat(5_000_000)) });
    const error = await failure(ask('x', 60_000));
    expect(error.remoteCode).toBe('MESSAGE_TOO_LARGE');
    expect(error.message).toMatch(/5000000 bytes/);
  });

  it('one handler that stops gets its reply out first', async () => {
    const { open, opened } = gate();
    const { consumer, seen } = await world.consume(
      replier,
      { group: 'g' },
      { topic: 'quotes', handle: () => opened.then(() => reply('just in time')) },
    );
    let held: (() => void) | undefined;
    world.intercept = (request: RemotingCommand) => {
      if (request.code !== RequestCode.SEND_REPLY_MESSAGE_V2 || held !== undefined) return undefined;
      return new Promise((resolve) => (held = () => resolve(createResponse(ResponseCode.SUCCESS, {}))));
    };
    const answer = ask('x', 20_000).catch(() => 'none');
    await world.until(() => seen.length === 1);
    let stopped = false;
    const stopping = consumer.stop(5000).then(() => (stopped = true));
    open();
    await world.until(() => held !== undefined);
    await world.clock.settle();
    expect(stopped).toBe(false);
    held!();
    await world.drive(stopping);
    expect(await world.drive(answer)).toBe('none');
  });

  it('a requester that is gone costs its listener nothing but a warning', async () => {
    const { open, opened } = gate();
    const { seen } = await world.consume(
      replier,
      { group: 'g' },
      { topic: 'quotes', handle: () => opened.then(() => reply('x')) },
    );
    const gone = await world.client();
    gone.requests.request(text('quotes', 'of the gone'), 60_000).catch(() => undefined);
    await world.until(() => seen.length === 1);
    world.vanish(gone);
    open();
    await world.until(() => replier.counters.repliesFailed === 1);
    expect(world.warnings.join()).toMatch(/reply to a request of quotes did not reach its requester/);
    expect(await world.drive(ask('next'))).toBe('x');
    expect(bodies(seen)).toEqual(['of the gone', 'next']);
  });

  it('shutting down rejects what waits', async () => {
    const waiting = expect(ask('x', 60_000)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await world.clock.settle();
    await world.drive(asker.shutdown(100));
    await waiting;
    await expect(ask('y')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('shutting down rejects what had not been announced to the broker yet', async () => {
    const waiting = expect(ask('x', 60_000)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await world.drive(asker.shutdown(100));
    await waiting;
  });

  it('a broker that went away for a moment finds the requester again', async () => {
    await world.consume(replier, { group: 'g' }, { topic: 'quotes', handle: (message) => reply(message.text()) });
    expect(await world.drive(ask('before'))).toBe('before');
    await world.disconnect(asker);
    await world.disconnect(replier);
    expect(await world.drive(ask('after', 20_000))).toBe('after');
  });

  it('in a broadcast group every instance handles it, and the first reply counts', async () => {
    const third = await world.client();
    const options = { group: 'all', mode: ConsumeMode.BROADCAST };
    const a = await world.consume(replier, options, { topic: 'quotes', handle: () => reply('one of all') });
    const b = await world.consume(third, options, { topic: 'quotes', handle: () => reply('one of all') });
    expect(await world.drive(ask('x'))).toBe('one of all');
    await world.until(() => a.seen.length === 1 && b.seen.length === 1 && asker.counters.lateReplies === 1);
  });

  describe('with retryRequests', () => {
    it('is brought to an end after its requester has given up, the dead letter included', async () => {
      const { seen } = await world.consume(
        replier,
        { group: 'g', maxReconsumeTimes: 2 },
        { topic: 'quotes', retryRequests: true, handle: () => retry(new Error('no')) },
      );
      const letters = await world.consume(replier, { group: 'letters' }, { topic: '%DLQ%g' });
      await expect(world.drive(ask('x', 1000))).rejects.toMatchObject({ code: 'TIMEOUT' });
      // The ladder's first step alone is 10 s.
      await world.until(() => letters.seen.length === 1, 120_000);
      expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      expect(letters.seen[0]!.message.isRequest).toBe(false);
      expect(replier.counters.requestsOverdue).toBe(0);
    });

    it('a listener to dead letters sends no reply', async () => {
      await world.consume(
        replier,
        { group: 'g', maxReconsumeTimes: 0 },
        { topic: 'quotes', retryRequests: true, handle: () => retry(new Error('no')) },
      );
      const letters = await world.consume(replier, { group: 'letters' }, { topic: '%DLQ%g', handle: () => reply('?') });
      expect((await failure(ask('x', 60_000))).errorClass).toBe('Error');
      await world.until(() => letters.seen.length === 1);
      await world.clock.settle();
      expect(asker.counters.lateReplies).toBe(0);
      expect(replier.counters.repliesSent).toBe(1);
    });
  });

  it('a property that only looks like it makes no request', async () => {
    const { seen } = await world.consume(
      replier,
      { group: 'g' },
      { topic: 'quotes', handle: ({ attempt }) => (attempt === 1 ? retry() : ACK), backoff: [10] },
    );
    await world.drive(asker.producer.send(text('quotes', 'x', { properties: { MY_REPLY_TO_CLIENT: 'me' } })));
    await world.until(() => seen.length === 2);
    expect(seen.map(({ message }) => message.isRequest)).toEqual([false, false]);
  });

  it('a stored reply of Apache’s is no request', async () => {
    const { seen } = await world.consume(replier, { group: 'g' }, { topic: 'quotes', handle: () => reply('?') });
    const channel = await world.host.connector.connect('raw');
    const properties = encodeProperties([
      [PropertyName.MESSAGE_TYPE, 'reply'],
      [PropertyName.CORRELATION_ID, 'c'],
      [PropertyName.REPLY_TO_CLIENT, asker.clientId],
    ]);
    const header = {
      producerGroup: 'p',
      topic: 'quotes',
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId: 0,
      sysFlag: 0,
      bornTimestamp: 0,
      flag: 0,
      properties,
    };
    await channel.invoke(createRequest(RequestCode.SEND_MESSAGE_V2, header, Buffer.from('stored')), 3000);
    await world.until(() => seen.length === 1);
    await world.clock.settle();
    expect(replier.counters.repliesSent + replier.counters.repliesFailed).toBe(0);
    await channel.close();
  });

  it('a failure that another client describes badly is still a failure', async () => {
    for (const body of [
      'no json',
      '{}',
      '{"errorClass":7}',
      'null',
      `${'{"errorClass":"E","message":"m","cause":'.repeat(50)}1${'}'.repeat(50)}`,
    ]) {
      const { consumer } = await world.consume(
        replier,
        { group: `g${body.length}` },
        { topic: 'quotes', handle: () => new Promise(() => undefined) },
      );
      const waiting = failure(ask('x', 5000));
      await world.until(() => consumer.state().inFlight === 1);
      const channel = await world.host.connector.connect('raw');
      const id = [...(asker.requests as unknown as { waiting: Map<string, unknown> }).waiting.keys()][0]!;
      const properties = encodeProperties([
        [PropertyName.CORRELATION_ID, id],
        [PropertyName.REPLY_TO_CLIENT, asker.clientId],
        ['NESTMQ_REPLY', 'error'],
      ]);
      const header = {
        producerGroup: 'p',
        topic: 'r',
        defaultTopic: 'd',
        defaultTopicQueueNums: 1,
        queueId: 0,
        sysFlag: 0,
        bornTimestamp: 0,
        flag: 0,
        properties,
      };
      const reply = createRequest(RequestCode.SEND_REPLY_MESSAGE_V2, header, Buffer.from(body));
      const pushed = await channel.invoke(reply, 3000);
      expect(pushed.code).toBe(ResponseCode.SUCCESS);
      expect((await waiting).code).toBe('REQUEST_FAILED');
      await channel.close();
      await world.drive(consumer.stop(0));
    }
  });
});
