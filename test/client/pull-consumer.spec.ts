import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MessagingError, RequestCode } from '../../lib/protocol/index.js';
import type { MessagingClient, PullConsumer, PullConsumerOptions, ReceivedMessage } from '../../lib/client/index.js';
import { bodies, text, World } from './support.js';

const texts = (messages: readonly ReceivedMessage[]): string[] => messages.map((message) => message.text());

describe('a pull consumer', () => {
  let world: World;
  let client: MessagingClient;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 1 }] });
    client = await world.client();
  });
  afterEach(async () => {
    world.intercept = () => undefined;
    await world.stop();
  });

  async function pulling(of = client, options: Partial<PullConsumerOptions> = {}): Promise<PullConsumer> {
    const pull = of.pullConsumer({ group: 'g', topic: 't', ...options });
    await world.drive(pull.start());
    return pull;
  }

  async function send(...names: string[]): Promise<void> {
    for (const name of names) await world.drive(client.producer.send(text('t', name)));
  }

  const poll = (pull: PullConsumer, maxMessages = 32, timeoutMillis = 1000): Promise<ReceivedMessage[]> =>
    world.drive(pull.poll({ maxMessages, timeoutMillis }));

  it('gives out as many as it is asked for, in order, each once', async () => {
    const pull = await pulling();
    await send('1', '2', '3', '4', '5');
    await world.clock.advance(100);
    expect(texts(await poll(pull, 2))).toEqual(['1', '2']);
    expect(texts(await poll(pull))).toEqual(['3', '4', '5']);
    expect(await poll(pull, 32, 0)).toEqual([]);
  });

  it('waits for the first one, so long as it is told and no longer', async () => {
    const pull = await pulling();
    const before = world.clock.now();
    expect(await poll(pull, 32, 5000)).toEqual([]);
    expect(world.clock.now() - before).toBe(5000);
    const waiting = pull.poll({ timeoutMillis: 60_000 });
    await send('x');
    expect(texts(await world.drive(waiting))).toEqual(['x']);
    expect(world.clock.now() - before).toBeLessThan(6000);
  });

  it('the position is the first message that is not settled: from there all comes again after a death', async () => {
    const dying = await world.client();
    const pull = await pulling(dying);
    await send('1', '2', '3', '4');
    await world.clock.advance(100);
    const [one, , three] = await poll(pull);
    await pull.acknowledge(one!);
    await pull.acknowledge(three!);
    await world.drive(pull.commit());
    world.vanish(dying);
    const next = await pulling();
    expect(texts(await poll(next, 32, 300_000))).toEqual(['2', '3', '4']);
  });

  it('gives back for later, by its delay, by backoff and by the ladder', async () => {
    const pull = await pulling(client, { backoff: [7000] });
    await send('x');
    const at: number[] = [];
    for (const delay of [500, undefined]) {
      const [message] = await poll(pull, 1, 60_000);
      at.push(world.clock.now());
      await world.drive(pull.retryLater(message!, delay));
    }
    const [third] = await poll(pull, 1, 60_000);
    at.push(world.clock.now());
    expect(third!.attempt).toBe(3);
    expect(at.slice(1).map((time, index) => time - at[index]!)).toEqual([500, 7000]);
  });

  it('makes a dead letter of what is rejected, and of what is given back too often', async () => {
    const pull = await pulling(client, { maxReconsumeTimes: 1, backoff: [10] });
    const letters = await world.consume(client, { group: 'letters' }, { topic: '%DLQ%g' });
    await send('bad');
    await world.drive(pull.reject((await poll(pull))[0]!, new Error('nonsense')));
    await send('tired');
    for (let n = 0; n < 2; n++) await world.drive(pull.retryLater((await poll(pull))[0]!));
    await world.until(() => letters.seen.length === 2);
    expect(bodies(letters.seen)).toEqual(['bad', 'tired']);
    expect(client.counters).toMatchObject({ deadLettered: 2, retried: 1 });
  });

  it('settles a message once, and only its own', async () => {
    const pull = await pulling();
    const other = await pulling(client, { group: 'other' });
    await send('x');
    const [message] = await poll(pull);
    const [foreign] = await poll(other);
    await pull.acknowledge(message!);
    await expect(pull.acknowledge(message!)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(pull.acknowledge(foreign!)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(pull.retryLater(foreign!, -1)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(pull.poll({ maxMessages: 0 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(pull.poll({ timeoutMillis: NaN })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it('what another member has by now is left alone', async () => {
    const first = await pulling();
    await send('x');
    const [message] = await poll(first);
    const second = await pulling(await world.client());
    const others = await world.client();
    const third = await pulling(others);
    // Two queues for three members: the topic's and the one of the retries. Whoever has it gives the message out again.
    void third;
    await world.drive(first.close());
    await first.acknowledge(message!);
    expect(client.counters.lateOutcomes).toBe(1);
    const again = [...(await poll(second, 1, 60_000)), ...(await poll(third, 1, 0))];
    expect(texts(again)).toEqual(['x']);
  });

  it.each(['earliest', 'latest'] as const)('goes on at the %s message when the group is moved there', async (to) => {
    const pull = await pulling();
    await send('1', '2', '3');
    await world.clock.advance(100);
    const [one, two] = await poll(pull, 2);
    await pull.acknowledge(one!);
    await world.drive(client.admin.backlog.resetPosition('g', 't', to));
    await world.clock.advance(30_000);
    await send('4');
    await world.clock.advance(1000);
    const after = await poll(pull);
    expect(texts(after)).toEqual(to === 'earliest' ? ['1', '2', '3', '4'] : ['4']);
    await pull.acknowledge(two!);
    expect(client.counters.lateOutcomes).toBeGreaterThan(0);
    for (const message of after) await pull.acknowledge(message);
    await world.drive(pull.commit());
    expect(pull.state().queues.find(({ topic }) => topic === 't')).toMatchObject({ committedOffset: 4 });
  });

  it('commit says when a position cannot be stored', async () => {
    const pull = await pulling();
    await send('x');
    await pull.acknowledge((await poll(pull))[0]!);
    world.intercept = ({ code }) =>
      code === RequestCode.UPDATE_CONSUMER_OFFSET
        ? Promise.reject(new MessagingError('CONNECT_FAILED', 'away'))
        : undefined;
    await expect(world.drive(pull.commit())).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    world.intercept = () => undefined;
    await world.drive(pull.commit());
  });

  it('gives out nothing while paused', async () => {
    const pull = await pulling();
    pull.pause();
    await send('x');
    expect(await poll(pull, 1, 5000)).toEqual([]);
    pull.resume();
    expect(texts(await poll(pull, 1, 5000))).toEqual(['x']);
  });

  it('does not give out what has expired', async () => {
    const pull = await pulling();
    await world.drive(client.producer.send(text('t', 'stale', { expiresAt: world.clock.now() + 10 })));
    await world.clock.advance(100);
    await send('fresh');
    expect(texts(await poll(pull))).toEqual(['fresh']);
    expect(client.counters.expired).toBe(1);
  });

  it('can be read like a list, until it is closed', async () => {
    const pull = await pulling();
    await send('1', '2', '3');
    const read: string[] = [];
    const reading = (async () => {
      for await (const message of pull) {
        read.push(message.text());
        await pull.acknowledge(message);
      }
    })();
    await world.until(() => read.length === 3);
    await world.drive(pull.close());
    await world.drive(reading);
    expect(read).toEqual(['1', '2', '3']);
    expect(await poll(pull)).toEqual([]);
  });

  it('many polls without a message leave nothing behind', async () => {
    const pull = await pulling();
    for (let n = 0; n < 100; n++) await poll(pull, 1, 10);
    expect((pull as unknown as { inbox: { waiting: Set<unknown> } }).inbox.waiting.size).toBe(0);
  });

  it('is the only consumer of its group in a client', async () => {
    await pulling();
    expect(() => client.pullConsumer({ group: 'g', topic: 'u' })).toThrow(/has a consumer in this client/);
  });
});
