import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { combineInterceptors, type ClientInterceptor, type Settlement } from '../../lib/client/index.js';
import { bodies, retry, text, World } from './support.js';

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

/** Notes on its way in and out, and puts its mark on what is sent. */
function marking(name: string, notes: string[]): ClientInterceptor {
  return {
    send: async (send, proceed) => {
      notes.push(`${name} sends ${send.messages.length}${send.oneWay ? ' one-way' : ''}`);
      const marked = send.messages.map((message) => ({
        ...message,
        properties: { ...message.properties, [name]: 'yes' },
      }));
      const result = await proceed(marked);
      notes.push(`${name} sent ${result?.topic ?? 'nothing known'}`);
      return result;
    },
    handle: async (call, proceed) => {
      notes.push(`${name} handles ${call.listener} of ${call.group}: ${call.messages.map((m) => m.text()).join()}`);
      const settlements = await proceed();
      notes.push(`${name} has ${settlements.map(({ kind }) => kind).join()}`);
      return settlements;
    },
  };
}

describe('a client with interceptors', () => {
  it('has them around sends of all kinds, the first outermost, and lets them change what is sent', async () => {
    const notes: string[] = [];
    const client = await world.client({
      interceptor: combineInterceptors([marking('outer', notes), {}, marking('inner', notes)]),
    });
    const { seen } = await world.consume(await world.client(), { group: 'g', from: 'earliest' }, { topic: 't' });
    await client.producer.send(text('t', 'one'));
    expect(notes.splice(0)).toEqual(['outer sends 1', 'inner sends 1', 'inner sent t', 'outer sent t']);
    await client.producer.sendBatch([text('t', 'two'), text('t', 'three')]);
    expect(notes.splice(0)).toEqual(['outer sends 2', 'inner sends 2', 'inner sent t', 'outer sent t']);
    client.producer.sendOneWay(text('t', 'four'));
    await world.until(() => seen.length === 4);
    expect(notes.splice(0)[0]).toBe('outer sends 1 one-way');
    expect(bodies(seen).toSorted()).toEqual(['four', 'one', 'three', 'two']);
    for (const { message } of seen) expect(message.properties).toEqual({ outer: 'yes', inner: 'yes' });
    expect(client.counters).toMatchObject({ sent: 3, onewaySent: 1 });
  });

  it('keeps the bytes as they were when the verb was called', async () => {
    const later: ClientInterceptor = {
      send: async ({ messages }, proceed) => {
        await Promise.resolve();
        return proceed(messages);
      },
    };
    const client = await world.client({ interceptor: combineInterceptors([later]) });
    const { seen } = await world.consume(await world.client(), { group: 'g', from: 'earliest' }, { topic: 't' });
    const message = text('t', 'mine');
    const sent = client.producer.send(message);
    message.body.fill(0);
    await sent;
    await world.until(() => seen.length === 1);
    expect(bodies(seen)).toEqual(['mine']);
  });

  it('fails as before, and as its interceptors want', async () => {
    let fail = false;
    const interceptor: ClientInterceptor = {
      send: async ({ messages }, proceed) => {
        if (fail) throw new Error('by the interceptor');
        return proceed(messages);
      },
    };
    const client = await world.client({ interceptor });
    await expect(client.producer.send(text('t', ''))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(client.producer.sendBatch([])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect(() => client.producer.sendOneWay(text('t', ''))).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    fail = true;
    await expect(client.producer.send(text('t', 'x'))).rejects.toThrow('by the interceptor');
    client.producer.sendOneWay(text('t', 'x'));
    await world.clock.settle();
    expect(client.counters.onewayFailed).toBe(1);
  });

  it('has them around its listeners, whose failures they see as settlements', async () => {
    const notes: string[] = [];
    const change: ClientInterceptor = {
      handle: async (call, proceed): Promise<readonly Settlement[]> => {
        const [settlement] = await proceed();
        return call.messages[0]!.attempt === 2 ? [{ kind: 'acknowledge' }] : [settlement!];
      },
    };
    const client = await world.client({ interceptor: combineInterceptors([marking('outer', notes), change]) });
    const { seen } = await world.consume(
      client,
      { group: 'g', maxReconsumeTimes: 3 },
      {
        topic: 't',
        backoff: [10],
        handle: ({ attempt }) => {
          if (attempt === 1) throw new Error('thrown');
          return retry();
        },
      },
    );
    await client.producer.send(text('t', 'one'));
    await world.until(() => client.counters.acknowledged === 1);
    expect(seen).toHaveLength(2);
    expect(notes.filter((note) => !note.includes('sen'))).toEqual([
      'outer handles listener-0 of g: one',
      'outer has retry',
      'outer handles listener-0 of g: one',
      'outer has acknowledge',
    ]);
    expect(combineInterceptors([])).toBeUndefined();
  });

  it('tells what its groups do', async () => {
    const client = await world.client();
    const { consumer } = await world.consume(client, { group: 'g' }, { topic: 't' });
    expect(client.consumerStates()).toMatchObject([{ group: 'g', started: true, topics: ['t', '%RETRY%g'] }]);
    await world.drive(consumer.stop(0));
    expect(client.consumerStates()).toEqual([]);
  });
});
