import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  type ListenerBinding,
  type MessagingClient,
  type OutgoingMessage,
} from '../../lib/client/index.js';
import { SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { bodies, retry, text, World } from './support.js';

type Part = Partial<ListenerBinding> & { topic: string };

const EU: Part = { topic: 'orders', selector: "region = 'eu'" };
const US: Part = { topic: 'orders', selector: "region = 'us'" };

function from(region: string, body: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return text('orders', body, { ...more, properties: { region, ...more.properties } });
}

describe('filters in the client', () => {
  let world: World;
  let client: MessagingClient;

  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 'orders', queues: 2 }] });
    client = await world.client();
  });
  afterEach(() => world.stop());

  const send = (...messages: OutgoingMessage[]) =>
    world.drive(Promise.all(messages.map((message) => client.producer.send(message))));

  /** Consumes in one group and notes what reached which listener. */
  async function consume(
    options: { group: string; mode?: ConsumeMode; maxReconsumeTimes?: number },
    parts: readonly Part[],
    by = client,
  ) {
    const got = parts.map((): string[] => []);
    const attempts: number[] = [];
    const started = await world.consume(
      by,
      options,
      ...parts.map((part, index) => ({
        ...part,
        handle: (message: Parameters<NonNullable<ListenerBinding['handle']>>[0], signal: AbortSignal) => {
          got[index]!.push(message.text());
          attempts.push(message.attempt);
          return part.handle?.(message, signal);
        },
      })),
    );
    return { ...started, got, attempts };
  }

  it('give each message to the one listener of the group that wants it', async () => {
    const { got, seen } = await consume({ group: 'g' }, [
      { topic: 'orders', tag: 'order.*.paid' },
      { topic: 'orders', tag: 'order.#.created || invoice' },
      { topic: 'orders', selector: "TAGS IS NULL AND amount > 10 AND region = 'eu'" },
      { topic: 'orders', selector: "TAGS IS NULL AND region = 'us'" },
      { topic: 'orders', tag: 'x', headers: { match: 'any', properties: { vip: true, region: 'eu' } } },
    ]);
    await send(
      text('orders', 'paid', { tag: 'order.books.paid' }),
      text('orders', 'created', { tag: 'order.books.de.created' }),
      text('orders', 'invoice', { tag: 'invoice' }),
      from('eu', 'eu-20', { properties: { amount: '20' } }),
      from('eu', 'eu-5', { properties: { amount: '5' } }),
      from('us', 'us-20', { properties: { amount: '20' } }),
      from('us', 'x-vip', { tag: 'x', properties: { vip: 'yes' } }),
      from('eu', 'x-eu', { tag: 'x' }),
      from('us', 'x-us', { tag: 'x' }),
      text('orders', 'neither', { tag: 'order.paid' }),
    );
    await world.until(() => seen.length === 7);
    await world.clock.advance(20_000);
    expect(got.map((list) => list.toSorted())).toEqual([
      ['paid'],
      ['created', 'invoice'],
      ['eu-20'],
      ['us-20'],
      ['x-eu', 'x-vip'],
    ]);
  });

  it('let positions pass what is for others, so that it does not count as back-log nor come back', async () => {
    const first = await consume({ group: 'g' }, [EU]);
    await send(...Array.from({ length: 20 }, (_, n) => from('us', `us-${n}`)), from('eu', 'eu'));
    await world.until(() => first.seen.length === 1);
    await world.clock.advance(20_000);
    expect(first.consumer.state().queues.filter(({ topic }) => topic === 'orders')).toEqual([
      expect.objectContaining({ committedOffset: expect.any(Number), buffered: 0 }),
      expect.objectContaining({ committedOffset: expect.any(Number), buffered: 0 }),
    ]);
    const committed = first.consumer
      .state()
      .queues.filter(({ topic }) => topic === 'orders')
      .reduce((sum, queue) => sum + queue.committedOffset!, 0);
    expect(committed).toBe(21);
    expect(client.counters.filtered).toBe(0);
  });

  it('stand at each message of a batch', async () => {
    const { got, seen } = await consume({ group: 'g' }, [EU, US]);
    await world.drive(
      client.producer.sendBatch(['eu', 'us', 'asia', 'eu', 'us'].map((region, n) => from(region, `${region}-${n}`))),
    );
    await world.until(() => seen.length === 4);
    await world.clock.advance(5_000);
    expect(got).toEqual([
      ['eu-0', 'eu-3'],
      ['us-1', 'us-4'],
    ]);
  });

  it('still know a delayed message when it is due', async () => {
    const { got, seen } = await consume({ group: 'g' }, [EU, US]);
    const at = world.clock.now() + 30_000;
    await send(
      from('eu', 'eu', { delay: { deliverAt: at } }),
      from('us', 'us', { delay: { level: 1 } }),
      from('asia', 'asia', { delay: { deliverAt: at } }),
    );
    await world.until(() => seen.length === 2);
    await world.clock.advance(60_000);
    expect(got).toEqual([['eu'], ['us']]);
    expect(seen.map(({ at: time }) => time >= at - 29_000)).toEqual([true, true]);
    expect(seen[1]!.at).toBeGreaterThanOrEqual(at);
  });

  it('see a transaction when it is committed, with the properties of its half', async () => {
    const { got, seen } = await consume({ group: 'g' }, [EU, US]);
    await client.transactions.register('shop-create', {
      execute: (message) =>
        message.text().startsWith('no') ? 'ROLLBACK' : message.text() === 'later' ? 'UNKNOWN' : 'COMMIT',
      check: () => 'COMMIT',
    });
    const transact = (message: OutgoingMessage) =>
      world.drive(client.transactions.send('shop-create', message, undefined));
    await transact(from('eu', 'yes'));
    await transact(from('us', 'no'));
    await transact(from('us', 'later'));
    await transact(from('asia', 'other'));
    await world.until(() => seen.length === 2, 600_000);
    await world.clock.advance(60_000);
    expect(got).toEqual([['yes'], ['later']]);
  });

  it('keep the order of a key', async () => {
    const { got, seen } = await consume({ group: 'g', mode: ConsumeMode.ORDERLY }, [EU, US]);
    for (let n = 0; n < 12; n++) {
      await send(from(['eu', 'us', 'asia'][n % 3]!, `${n}`, { shardingKey: 'k' }));
    }
    await world.until(() => seen.length === 8);
    expect(got).toEqual([
      ['0', '3', '6', '9'],
      ['1', '4', '7', '10'],
    ]);
    expect(bodies(seen)).toEqual(['0', '1', '3', '4', '6', '7', '9', '10']);
  });

  it('an orderly message that fails holds its queue for the listeners that share it', async () => {
    const { got, attempts } = await consume({ group: 'g', mode: ConsumeMode.ORDERLY }, [
      { ...EU, handle: (message) => (message.attempt < 3 ? retry() : undefined) },
      US,
    ]);
    await send(from('eu', 'first', { shardingKey: 'k' }));
    await send(from('us', 'second', { shardingKey: 'k' }));
    await world.until(() => got[1]!.length === 1);
    expect(got).toEqual([['first', 'first', 'first'], ['second']]);
    expect(attempts).toEqual([1, 2, 3, 1]);
  });

  it('are heeded by every member of a broadcast group', async () => {
    const second = await world.client();
    const [one, two] = [
      await consume({ group: 'g', mode: ConsumeMode.BROADCAST }, [EU, US]),
      await consume({ group: 'g', mode: ConsumeMode.BROADCAST }, [EU, US], second),
    ];
    await send(from('eu', 'eu'), from('us', 'us'), from('asia', 'asia'));
    await world.until(() => one.seen.length + two.seen.length === 4);
    await world.clock.advance(5_000);
    for (const { got } of [one, two]) expect(got).toEqual([['eu'], ['us']]);
  });

  it('give a retry to the listener that failed, and its dead letter keeps the properties', async () => {
    const { got, attempts } = await consume({ group: 'g', maxReconsumeTimes: 2 }, [
      { ...EU, backoff: [10], handle: () => retry() },
      US,
    ]);
    const letters = await world.consume(
      client,
      { group: 'undertaker' },
      { topic: '%DLQ%g', selector: "region = 'eu'" },
    );
    await send(from('eu', 'bad', { tag: 'a', keys: ['k'] }));
    await world.until(() => letters.seen.length === 1);
    expect(got).toEqual([['bad', 'bad', 'bad'], []]);
    expect(attempts).toEqual([1, 2, 3]);
    expect(letters.seen[0]!.message).toMatchObject({ tag: 'a', keys: ['k'], properties: { region: 'eu' } });
  });

  it('give a dead letter that is sent again to the listener that it was for', async () => {
    let broken = true;
    const { got } = await consume({ group: 'g', maxReconsumeTimes: 0 }, [
      { ...EU, handle: () => (broken ? retry() : undefined) },
      US,
    ]);
    await send(from('eu', 'letter'));
    await world.until(() => client.counters.deadLettered === 1);
    broken = false;
    const report = await world.drive(client.admin.deadLetters.resendAll('g'));
    expect(report).toMatchObject({ resent: 1 });
    await world.until(() => got[0]!.length === 2);
    expect(got).toEqual([['letter', 'letter'], []]);
  });

  it('meet the same message under each name of a namespace', async () => {
    const shop = await world.client({ namespace: 'shop' });
    const mine = await consume(
      { group: 'g', maxReconsumeTimes: 3 },
      [{ ...EU, backoff: [10], handle: ({ attempt }) => (attempt === 1 ? retry() : undefined) }, US],
      shop,
    );
    const others = await consume({ group: 'g' }, [EU, US]);
    await world.drive(shop.producer.send(from('eu', 'mine')));
    await send(from('eu', 'others'));
    await world.until(() => mine.seen.length === 2 && others.seen.length === 1);
    await world.clock.advance(5_000);
    expect([mine.got, others.got]).toEqual([
      [['mine', 'mine'], []],
      [['others'], []],
    ]);
    expect(mine.attempts).toEqual([1, 2]);
  });

  it('refuse two listeners of a group that could get the same message, and take those that exclude each other', async () => {
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    const add = (name: string, part: Part) => consumer.add({ name, handle: () => undefined, ...part });
    add('eu', EU);
    add('us', US);
    expect(() => add('rich', { topic: 'orders', selector: 'amount > 1000' })).toThrow(
      /two listeners for the same messages of orders: eu \(region = 'eu'\) and rich \(amount > 1000\)/,
    );
    expect(() => add('all', { topic: 'orders' })).toThrow(/same messages/);
    expect(() => add('head', { topic: 'orders', headers: { match: 'any', properties: { region: 'us' } } })).toThrow(
      /us \(region = 'us'\) and head \(headers any region=us\)/,
    );
    add('rest', { topic: 'orders', selector: "NOT (region IN ('eu', 'us'))" });
    add('nowhere', { topic: 'orders', selector: 'region IS NULL' });
  });

  it.each<[string, Partial<ListenerBinding>, RegExp]>([
    ['SQL that cannot be read', { selector: 'a =' }, /bad cannot filter: SQL92 at character 4/],
    ['a tag beside a selector', { selector: 'a = 1', tag: 'x' }, /A selector stands alone/],
    [
      'headers beside a selector',
      { selector: 'a = 1', headers: { match: 'all', properties: { b: true } } },
      /stands alone/,
    ],
    ['headers that name nothing', { headers: { match: 'all', properties: {} } }, /0 properties/],
    ['headers that want an empty value', { headers: { match: 'all', properties: { a: '' } } }, /to be empty/],
    ['headers on what a sender cannot set', { headers: { match: 'all', properties: { TAGS: 'a' } } }, /TAGS/],
    ['a wildcard inside of a word', { tag: 'ord*' }, /whole word/],
  ])('are refused with CONFIGURATION: %s', (_what, part, message) => {
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    const add = () => consumer.add({ name: 'bad', topic: 'orders', handle: () => undefined, ...part });
    expect(add).toThrow(expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringMatching(message) }));
  });

  it('change with a new release: later messages are chosen by the new one', async () => {
    await consume({ group: 'g' }, [EU]);
    await world.drive(client.shutdown(1000));
    client = await world.client();
    const { got, seen } = await consume({ group: 'g' }, [US]);
    await send(from('eu', 'eu'), from('us', 'us'));
    await world.until(() => seen.length === 1);
    await world.clock.advance(30_000);
    expect(got).toEqual([['us']]);
  });
});

describe('a message that comes again', () => {
  let world: World;
  afterEach(() => world.stop());

  /** A message fails in a first release of the group; what a second one makes of its retry. */
  async function afterRelease(first: Part, second: readonly Part[], message: OutgoingMessage) {
    world = await World.start({ topics: ['orders'] });
    const old = await world.client();
    await world.consume(old, { group: 'g' }, { ...first, backoff: [60_000], handle: () => retry() });
    await world.drive(old.producer.send(message));
    await world.until(() => old.counters.retried === 1);
    await world.drive(old.shutdown(1000));
    const client = await world.client();
    const after = await world.consume(client, { group: 'g' }, ...second);
    const letters = await world.consume(client, { group: 'undertaker', from: 'earliest' }, { topic: '%DLQ%g' });
    await world.until(() => after.seen.length + letters.seen.length > 0, 120_000);
    await world.clock.advance(60_000);
    return { after: bodies(after.seen), letters: letters.seen.map(({ message: letter }) => letter) };
  }

  it('is for the single listener of its topic, although that one chooses otherwise by now', async () => {
    const { after, letters } = await afterRelease(EU, [US], from('eu', 'eu'));
    expect([after, letters]).toEqual([['eu'], []]);
  });

  it('is for it as well when its properties have changed on the way', async () => {
    const { after, letters } = await afterRelease(
      { topic: 'orders', selector: 'RETRY_TOPIC IS NULL' },
      [{ topic: 'orders', selector: 'RETRY_TOPIC IS NULL' }],
      from('eu', 'eu'),
    );
    expect([after, letters]).toEqual([['eu'], []]);
  });

  it('is for whichever of several wants it now', async () => {
    const { after, letters } = await afterRelease(
      { topic: 'orders', tag: 'a || b' },
      [
        { topic: 'orders', tag: 'a' },
        { topic: 'orders', tag: 'b' },
      ],
      text('orders', 'x', { tag: 'b' }),
    );
    expect([after, letters]).toEqual([['x'], []]);
  });

  it.each<[string, Part, readonly Part[]]>([
    ['the tag is no longer listened to', { topic: 'orders', tag: 'a' }, [{ topic: 'orders', tag: 'b' }]],
    ['none of several wants it', EU, [US, { topic: 'orders', selector: "region = 'asia'" }]],
    ['its topic has no listener', EU, [{ topic: 'others' }]],
  ])('is a dead letter that says so when %s', async (_what, first, second) => {
    const { after, letters } = await afterRelease(first, second, from('eu', 'lost?', { tag: 'a' }));
    expect(after).toEqual([]);
    expect(letters.map((letter) => letter.text())).toEqual(['lost?']);
    expect(letters[0]!.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE')).toContain('No listener of the group is left');
  });
});

describe('filters over a crash of the broker', () => {
  it('are told anew, and what waited is chosen as before', async () => {
    const disk = new SimulatedFileSystem();
    const settings = { memory: false, store: '/store', topics: ['orders'] };
    let world = await World.start(settings, disk);
    let client = await world.client();
    const running = await world.consume(client, { group: 'g' }, EU, US);
    running.consumer.pause('listener-0');
    running.consumer.pause('listener-1');
    for (const region of ['eu', 'us', 'asia']) await world.drive(client.producer.send(from(region, region)));
    world = await World.start(settings, disk.crashImage('none', new SeededRandom(1)));
    client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, EU, US);
    await world.until(() => seen.length === 2);
    await world.clock.advance(20_000);
    expect(bodies(seen).toSorted()).toEqual(['eu', 'us']);
    await world.stop();
  });
});

describe('a broker that does not filter by SQL', () => {
  it('is noticed before the group is told anything; wildcards and headers work there', async () => {
    const world = await World.start({ topics: ['orders'], sqlFilters: false });
    const client = await world.client();
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    consumer.add({ name: 'eu', handle: () => undefined, ...EU });
    await expect(world.drive(consumer.register())).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/The selector of eu: .*broker\.sqlFilters/s),
    });
    const { seen } = await world.consume(
      client,
      { group: 'h' },
      { topic: 'orders', tag: 'order.#' },
      { topic: 'orders', tag: 'x', headers: { match: 'all', properties: { region: 'eu' } } },
    );
    await world.drive(client.producer.send(text('orders', 'one', { tag: 'order.paid' })));
    await world.drive(client.producer.send(from('eu', 'two', { tag: 'x' })));
    await world.until(() => seen.length === 2);
    await world.stop();
  });
});
