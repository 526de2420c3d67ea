import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  type ListenerBinding,
  PostponeError,
  RequestFailedError,
  type Settlement,
} from '../../lib/client/index.js';
import { positions, Processes } from './processes.js';
import { later, ONE_QUEUE, putsOff } from './postponing.js';
import { ACK, bodies, gate, retry, text, World } from './support.js';

describe('a postponed message', () => {
  let world: World;
  afterEach(() => world.stop());

  async function start(
    binding: Partial<ListenerBinding>,
    options: { mode?: ConsumeMode; delivery?: 'at-most-once'; group?: string } = {},
  ) {
    world = await World.start(ONE_QUEUE);
    const client = await world.client({ handoverMillis: 1000 });
    const { seen, consumer } = await world.consume(client, { group: 'g', ...options }, { topic: 't', ...binding });
    const send = async (...names: string[]): Promise<void> => {
      for (const name of names) await world.drive(client.producer.send(text('t', name, { shardingKey: name[0] })));
    };
    const committed = (): number => consumer.state().queues.find(({ topic }) => topic === 't')!.committedOffset;
    return { client, consumer, seen, send, committed };
  }

  it('comes again here after its delay, as the same attempt, while others are handled in its place', async () => {
    const { client, seen, send, committed } = await start({ concurrency: 1, handle: putsOff('a', 2, 5000) });
    await send('a', 'b', 'c');
    await world.clock.advance(100);
    expect(bodies(seen)).toEqual(['a', 'b', 'c']);
    expect(committed()).toBe(0);
    await world.until(() => seen.length === 5);
    expect(seen.filter(({ body }) => body === 'a').map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    const times = seen.filter(({ body }) => body === 'a').map(({ at }) => at);
    expect(times.map((at) => at - times[0]!)).toEqual([0, 5000, 10_000]);
    expect(committed()).toBe(3);
    expect(client.counters).toMatchObject({ postponed: 2, acknowledged: 3, retried: 0, inFlight: 0, consumed: 5 });
  });

  it('has the retries of a failure still before it', async () => {
    const outcomes = [later(1000), retry(new Error('x'), 2000), later(1000), ACK];
    const { client, seen, send } = await start({ handle: () => outcomes.shift() });
    await send('a');
    await world.until(() => seen.length === 4);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 2]);
    await world.clock.advance(10);
    expect(client.counters).toMatchObject({ postponed: 2, retried: 1, acknowledged: 1 });
  });

  it('keeps its key, so that those behind it wait, and those of other keys do not', async () => {
    const { seen, send } = await start({ concurrency: 8, keyOrder: true, handle: putsOff('a1', 1, 5000) });
    await send('a1', 'a2', 'b1', 'a3');
    await world.clock.advance(100);
    expect(bodies(seen)).toEqual(['a1', 'b1']);
    await world.until(() => seen.length === 5);
    expect(bodies(seen).slice(2)).toEqual(['a1', 'a2', 'a3']);
  });

  it('comes in a later batch of a batch listener; the others of its batch are settled', async () => {
    const batches: string[][] = [];
    let postponed = false;
    world = await World.start(ONE_QUEUE);
    const client = await world.client();
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    consumer.add({
      name: 'l',
      topic: 't',
      batch: { size: 3, timeoutMillis: 50 },
      handleBatch: (messages) => {
        batches.push(messages.map((message) => message.text()));
        const outcomes = messages.map((message) => (message.text() === 'b' && !postponed ? later(5000) : ACK));
        postponed = true;
        return outcomes;
      },
    });
    await world.drive(consumer.register());
    await world.drive(consumer.start());
    for (const name of ['a', 'b', 'c']) await world.drive(client.producer.send(text('t', name)));
    await world.until(() => batches.length === 2);
    expect(batches).toEqual([['a', 'b', 'c'], ['b']]);
    await world.clock.advance(10);
    expect(consumer.state().queues.find(({ topic }) => topic === 't')!.committedOffset).toBe(3);
    expect(client.counters).toMatchObject({ postponed: 1, acknowledged: 3 });
  });

  it('holds its queue in orderly mode, without an attempt', async () => {
    const { client, seen, send } = await start({ handle: putsOff('a', 2, 5000) }, { mode: ConsumeMode.ORDERLY });
    await send('a', 'b');
    await world.until(() => seen.length === 4);
    expect(bodies(seen)).toEqual(['a', 'a', 'a', 'b']);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
    expect(seen[2]!.at - seen[0]!.at).toBe(10_000);
    expect(client.counters).toMatchObject({ postponed: 2, retried: 0, acknowledged: 2 });
  });

  it('is kept in a broadcast group too', async () => {
    const { seen, send, committed } = await start({ handle: putsOff('a', 1, 5000) }, { mode: ConsumeMode.BROADCAST });
    await send('a', 'b');
    await world.clock.advance(100);
    expect([bodies(seen), committed()]).toEqual([['a', 'b'], 0]);
    await world.until(() => seen.length === 3);
    expect(seen[2]).toMatchObject({ body: 'a', attempt: 1 });
    expect(committed()).toBe(2);
  });

  it('is a failure where messages are acknowledged first, and suspends its listener all the same', async () => {
    const { client, consumer, seen, send } = await start(
      { concurrency: 1, handle: putsOff('a', 1, 5000, true) },
      { delivery: 'at-most-once' },
    );
    await send('a', 'b');
    await world.clock.advance(1000);
    expect(bodies(seen)).toEqual(['a']);
    expect(consumer.state().suspendedListeners).toMatchObject([{ name: 'listener-0', reason: 'not now' }]);
    await world.until(() => seen.length === 2);
    expect(bodies(seen)).toEqual(['a', 'b']);
    await world.clock.advance(10);
    expect(client.counters).toMatchObject({ postponed: 0, failed: 1, acknowledged: 1 });
    expect(world.warnings.join('\n')).toMatch(/acknowledges first and tries nothing again: not now/);
  });

  it('becomes a dead letter when it expires meanwhile', async () => {
    const { client, seen, send } = await start({ handle: () => later(4000) });
    await world.drive(client.producer.send(text('t', 'short', { expiresAt: world.clock.now() + 10_000 })));
    await send('forever');
    await world.until(() => client.counters.deadLettered === 1);
    expect(seen.filter(({ body }) => body === 'short')).toHaveLength(3);
    expect(client.counters).toMatchObject({ expired: 1 });
  });

  it('waits on while its listener is paused, and comes when that is over', async () => {
    const { consumer, seen, send } = await start({ handle: putsOff('a', 1, 5000) });
    await send('a');
    await world.until(() => seen.length === 1);
    consumer.pause('listener-0');
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(1);
    consumer.resume('listener-0');
    await world.until(() => seen.length === 2, 1000);
  });

  it('gets the whole time for its handler at each call, and is given back when that is over', async () => {
    const held = gate();
    let calls = 0;
    const { client, seen, send } = await start({
      consumeTimeoutMillis: 3000,
      backoff: [1000],
      handle: async ({ attempt }) => {
        if (++calls === 1) {
          await world.clock.sleep(2000);
          return later(2000);
        }
        if (attempt === 1) await held.opened;
        return ACK;
      },
    });
    await send('a');
    await world.until(() => seen.length === 3);
    expect(seen.map(({ attempt, at }) => [attempt, at - seen[0]!.at])).toEqual([
      [1, 0],
      [1, 4000],
      [2, 8000],
    ]);
    expect(client.counters).toMatchObject({ consumeTimeouts: 1, postponed: 1, retried: 1 });
    held.open();
  });

  it('that comes too late, after its time-out, counts for nothing', async () => {
    const { client, seen, send } = await start({
      consumeTimeoutMillis: 1000,
      backoff: [60_000],
      handle: async ({ attempt }) => {
        if (attempt > 1) return ACK;
        await world.clock.sleep(2000);
        return later(100);
      },
    });
    await send('a');
    await world.until(() => seen.length === 2, 120_000);
    await world.clock.advance(10);
    expect(client.counters).toMatchObject({ postponed: 0, lateOutcomes: 1, retried: 1, acknowledged: 1 });
  });

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])(
    'goes to the next member when this one leaves, which waits for nothing (%s)',
    async (mode) => {
      const { consumer, seen, send, client } = await start({ handle: () => later(3_600_000) }, { mode });
      await send('a', 'b');
      await world.until(() => seen.length > 0);
      const before = world.clock.now();
      await world.drive(consumer.stop(10_000));
      expect(world.clock.now() - before).toBeLessThan(1000);
      const next = await world.consume(client, { group: 'g', mode }, { topic: 't' });
      await world.until(() => next.seen.length === 2);
      expect(next.seen.map(({ body, attempt }) => [body, attempt])).toEqual([
        ['a', 1],
        ['b', 1],
      ]);
    },
  );

  it('leaves no timer behind when its member is gone', async () => {
    const { consumer, seen, send } = await start({ handle: () => later(3_600_000, true) });
    await send('a', 'b');
    await world.until(() => seen.length > 0);
    await world.drive(consumer.stop(0));
    expect(world.clock.pending.filter((millis) => millis > 3_000_000)).toEqual([]);
  });

  it('gives its key to others when its queue is taken away', async () => {
    world = await World.start({ topics: [{ name: 't', queues: 2 }] });
    const [first, second] = [await world.client({ handoverMillis: 100 }), await world.client({ handoverMillis: 100 })];
    const one = await world.consume(
      first,
      { group: 'g' },
      {
        topic: 't',
        keyOrder: (message) => message.text().at(-1)!,
        handle: (message) => (message.text().startsWith('hold') ? later(3_600_000) : ACK),
      },
    );
    // Each key is held in one queue, and has a message behind that in the other.
    const where = { hold0: 'a', hold1: 'b', behind0: 'b', behind1: 'a' };
    for (const [body, shardingKey] of Object.entries(where))
      await world.drive(first.producer.send(text('t', body, { shardingKey })));
    await world.clock.advance(1000);
    expect(bodies(one.seen)).toEqual(['hold0', 'hold1']);
    const two = await world.consume(second, { group: 'g' }, { topic: 't' });
    await world.until(() => one.seen.length === 3 && two.seen.length === 2);
    const [held, behind] = two.seen
      .map(({ body }) => body)
      .toSorted()
      .reverse();
    expect([held, behind]).toEqual(held === 'hold0' ? ['hold0', 'behind1'] : ['hold1', 'behind0']);
    expect(one.seen[2]!.body).toBe(held === 'hold0' ? 'behind0' : 'behind1');
  });

  it('does not keep another member from its share', async () => {
    world = await World.start({ topics: [{ name: 't', queues: 4 }] });
    const [first, second] = [await world.client(), await world.client()];
    const stuck = await world.consume(first, { group: 'g' }, { topic: 't', handle: () => later(1000, true) });
    const works = await world.consume(second, { group: 'g' }, { topic: 't' });
    await world.clock.advance(30_000);
    for (let n = 0; n < 40; n++) await world.drive(first.producer.send(text('t', String(n))));
    await world.until(() => works.seen.length >= 20);
    expect(stuck.seen.length).toBeGreaterThan(0);
  });

  it('is given out again by a pull consumer, which counts no attempt', async () => {
    world = await World.start(ONE_QUEUE);
    const client = await world.client();
    const puller = client.pullConsumer({ group: 'p', topic: 't' });
    await world.drive(puller.start());
    await world.drive(client.producer.send(text('t', 'x')));
    const [first] = await world.drive(puller.poll());
    await puller.postpone(first!, 5000);
    expect(await world.drive(puller.poll({ timeoutMillis: 4000 }))).toEqual([]);
    const before = world.clock.now();
    const [again] = await world.drive(puller.poll({ timeoutMillis: 60_000 }));
    expect(world.clock.now() - before).toBe(1000);
    expect([again!.text(), again!.attempt]).toEqual(['x', 1]);
    await expect(puller.postpone(first!, 1)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(puller.postpone(again!, -1)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await puller.acknowledge(again!);
    expect(client.counters).toMatchObject({ postponed: 1, acknowledged: 1, retried: 0 });
    await world.drive(puller.close());
  });

  it('refuses a delay that is none, or longer than a day', () => {
    world = { stop: async () => {} } as World;
    for (const millis of [-1, Number.NaN, Infinity, 86_400_001]) {
      expect(() => new PostponeError(millis)).toThrow(RangeError);
    }
    expect(new PostponeError(5, undefined, { cause: 'why' })).toMatchObject({
      message: 'postponed by 5 ms',
      cause: 'why',
      suspendListener: false,
    });
  });
});

describe('a postponed request', () => {
  let world: World;
  afterEach(() => world.stop());

  async function start(outcomes: Settlement[], mode: ConsumeMode, retryRequests = false) {
    world = await World.start(ONE_QUEUE);
    const [asker, replier] = [await world.client(), await world.client()];
    const { seen } = await world.consume(
      replier,
      { group: 'g', mode },
      { topic: 't', retryRequests, handle: () => outcomes.shift() },
    );
    const ask = (timeout: number) =>
      world.drive(
        asker.requests.request(text('t', 'x'), timeout).then(
          (reply) => reply?.body.toString(),
          (error: unknown) => error,
        ),
      );
    return { asker, replier, seen, ask };
  }
  const reply: Settlement = { kind: 'acknowledge', reply: { body: Buffer.from('done'), contentType: 'text' } };
  const MODES = [ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY];

  it.each(MODES)('is replied to when its time has come, as long as somebody waits (%s)', async (mode) => {
    const { ask, seen, replier } = await start([later(2000), later(2000), reply], mode);
    expect(await ask(5000)).toBe('done');
    expect(seen).toHaveLength(3);
    expect(replier.counters).toMatchObject({ postponed: 2, acknowledged: 1, requestsOverdue: 0 });
  });

  it.each(MODES)('gets the error at once when nobody would wait so long (%s)', async (mode) => {
    const { ask, seen, replier } = await start([later(2000), later(4000)], mode);
    const begun = world.clock.now();
    const error = await ask(5000);
    expect(world.clock.now() - begun).toBeLessThan(2100);
    expect(error).toBeInstanceOf(RequestFailedError);
    expect(error).toMatchObject({ errorClass: 'PostponeError', message: expect.stringContaining('not now') as never });
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(2);
    expect(replier.counters).toMatchObject({ postponed: 1, failed: 1, repliesSent: 1 });
  });

  it.each(MODES)('is brought to an end without its requester where requests are retried (%s)', async (mode) => {
    const { ask, seen, replier, asker } = await start([later(9000), reply], mode, true);
    expect(await ask(5000)).toMatchObject({ code: 'TIMEOUT' });
    await world.until(() => seen.length === 2 && asker.counters.lateReplies === 1);
    expect(replier.counters).toMatchObject({ postponed: 1, acknowledged: 1, requestsOverdue: 0 });
  });
});

describe('a postponed message that may have killed a process', () => {
  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])(
    'waits without keeping the others out, and is handled alone each time (%s)',
    async (mode) => {
      let left = 2;
      const processes = new Processes(mode, (body) => (body === 'suspect' && left-- > 0 ? later(60_000, true) : ACK));
      await processes.send('suspect', 'kill', 'behind', 'other');
      await processes.run();
      const { last } = processes;
      await last.world.until(() => positions(last) === 4, 600_000);
      expect(processes.handled).toEqual(new Set(['suspect', 'kill', 'behind', 'other']));
      expect((await processes.deadLetters()).map(({ body }) => body)).toEqual(['kill']);
      await last.world.stop();
    },
  );
});
