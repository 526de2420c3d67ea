import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  ExtensionCode,
  ExtensionProperty,
  RequestCode,
  requestHeaderSchema,
  type RemotingCommand,
} from '../../lib/protocol/index.js';
import { ConsumeMode, type MessagingClient } from '../../lib/client/index.js';
import { namingBodies } from '../../lib/client/namespace/bodies.js';
import { GROUP_FIELDS, TOPIC_FIELDS } from '../../lib/client/namespace/headers.js';
import { ACK, bodies, retry, text, World } from './support.js';

describe('namespaces', () => {
  let world: World;
  let shop: MessagingClient;
  let office: MessagingClient;
  let bare: MessagingClient;

  beforeEach(async () => {
    world = await World.start({
      topics: ['shop%orders', 'office%orders', 'orders'],
      transactions: { timeoutMillis: 1000 },
    });
    shop = await world.client({ namespace: 'shop' });
    office = await world.client({ namespace: 'office' });
    bare = await world.client();
  });
  afterEach(() => world.stop());

  const names = (): string[] => world.host.topics().map(({ name }) => name);

  it('do not see each other: same topic, same group, three streams', async () => {
    const [a, b, c] = [
      await world.consume(shop, { group: 'g' }, { topic: 'orders' }),
      await world.consume(office, { group: 'g' }, { topic: 'orders' }),
      await world.consume(bare, { group: 'g' }, { topic: 'orders' }),
    ];
    await world.drive(shop.producer.send(text('orders', 'of the shop')));
    await world.drive(office.producer.send(text('orders', 'of the office')));
    await world.drive(bare.producer.send(text('orders', 'of nobody')));
    await world.until(() => a.seen.length + b.seen.length + c.seen.length === 3);
    expect([a, b, c].map(({ seen }) => bodies(seen))).toEqual([['of the shop'], ['of the office'], ['of nobody']]);
  });

  it('what is sent at once, in packs, stays in the namespace', async () => {
    const { seen } = await world.consume(shop, { group: 'g' }, { topic: 'orders' });
    const send = (topic: string, n: number): Promise<unknown> => shop.producer.send(text(topic, `${n}`));
    const many = async (from: number): Promise<void> => {
      await world.drive(Promise.all(Array.from({ length: 20 }, (_, n) => send('orders', from + n))));
    };
    await many(0);
    await many(20);
    await world.until(() => seen.length === 40);
    expect(new Set(bodies(seen)).size).toBe(40);
  });

  it('an operator without a namespace sees RocketMQ’s names', async () => {
    await world.consume(
      shop,
      { group: 'billing' },
      { topic: 'orders', handle: () => ({ kind: 'dead-letter', error: 'no' }) },
    );
    const letters = await world.consume(bare, { group: 'operator' }, { topic: '%DLQ%shop%billing' });
    await world.drive(shop.producer.send(text('orders', 'bad')));
    await world.until(() => letters.seen.length === 1);
    expect(names()).toEqual(expect.arrayContaining(['shop%orders', '%RETRY%shop%billing', '%DLQ%shop%billing']));
    expect(names()).not.toContain('%RETRY%billing');
  });

  it('names are bare in results, messages, states and dead letters', async () => {
    const { consumer, seen } = await world.consume(
      shop,
      { group: 'billing', maxReconsumeTimes: 1 },
      { topic: 'orders', backoff: [10], handle: () => retry() },
    );
    const letters = await world.consume(shop, { group: 'letters' }, { topic: '%DLQ%billing' });
    const sent = await world.drive(shop.producer.send(text('orders', 'bad', { keys: ['shop%1'] })));
    expect(sent.topic).toBe('orders');
    await world.until(() => letters.seen.length === 1);
    expect(seen.map(({ attempt, message }) => [attempt, message.topic])).toEqual([
      [1, 'orders'],
      [2, 'orders'],
    ]);
    const letter = letters.seen[0]!.message;
    expect(letter.topic).toBe('%DLQ%billing');
    expect(letter.systemProperty(ExtensionProperty.DLQ_TOPIC)).toBe('orders');
    expect(letter.keys).toEqual(['shop%1']);
    expect(letter.messageId).toBe(sent.messageId);
    expect(consumer.state()).toMatchObject({ group: 'billing', topics: ['orders', '%RETRY%billing'] });
    expect(consumer.state().queues.every(({ topic }) => ['orders', '%RETRY%billing'].includes(topic))).toBe(true);
  });

  it('a topic that the first send makes is one of the namespace', async () => {
    await world.drive(shop.producer.send(text('fresh', 'x')));
    await world.drive(shop.createTopic('made', 3));
    expect(names()).toEqual(expect.arrayContaining(['shop%fresh', 'shop%made']));
    expect(names()).not.toContain('fresh');
  });

  it('batches, keys, delays and one-way sends', async () => {
    const { seen } = await world.consume(shop, { group: 'g', mode: ConsumeMode.ORDERLY }, { topic: 'orders' });
    await world.drive(shop.producer.sendBatch([text('orders', '1'), text('orders', '2')]));
    await world.drive(shop.producer.send(text('orders', 'key', { shardingKey: 'k' })));
    const later = world.clock.now() + 5000;
    await world.drive(shop.producer.send(text('orders', 'later', { delay: { deliverAt: later } })));
    shop.producer.sendOneWay(text('orders', 'one way'));
    await world.until(() => seen.length === 5);
    expect(bodies(seen).toSorted()).toEqual(['1', '2', 'key', 'later', 'one way']);
    expect(seen.every(({ message }) => message.topic === 'orders')).toBe(true);
  });

  it('what the broker refuses to take back is sent anew inside the namespace', async () => {
    world.intercept = (request: RemotingCommand) =>
      request.code === RequestCode.CONSUMER_SEND_MSG_BACK
        ? Promise.resolve({ ...createRequest(0, {}), code: 1, flag: 1, remark: 'RECORD_INVALID: gone' })
        : undefined;
    const { seen } = await world.consume(
      shop,
      { group: 'billing' },
      { topic: 'orders', handle: ({ attempt }) => (attempt === 1 ? retry() : ACK) },
    );
    await world.drive(shop.producer.send(text('orders', 'x')));
    await world.until(() => seen.length === 2, 120_000);
    expect(seen.map(({ message }) => message.topic)).toEqual(['orders', 'orders']);
  });

  it('transactions are executed, checked and committed', async () => {
    const { seen } = await world.consume(shop, { group: 'g' }, { topic: 'orders' });
    const foreign = await world.consume(office, { group: 'g' }, { topic: 'orders' });
    const asked: string[] = [];
    await world.drive(
      shop.transactions.register('tx', {
        execute: (message) => (message.text() === 'sure' ? 'COMMIT' : 'UNKNOWN'),
        check: (message) => {
          asked.push(`${message.topic} ${message.text()}`);
          return 'COMMIT';
        },
      }),
    );
    await world.drive(office.transactions.register('tx', { execute: () => 'ROLLBACK', check: () => 'ROLLBACK' }));
    await world.drive(shop.transactions.send('tx', text('orders', 'sure'), undefined));
    await world.drive(shop.transactions.send('tx', text('orders', 'open'), undefined));
    await world.until(() => seen.length === 2);
    expect(bodies(seen)).toEqual(['sure', 'open']);
    expect(asked).toEqual(['orders open']);
    expect(foreign.seen).toEqual([]);
  });

  it('requests are answered inside the namespace only', async () => {
    const reply = (body: string) => () => ({
      kind: 'acknowledge' as const,
      reply: { body: Buffer.from(body), contentType: 'text' as const },
    });
    await world.consume(shop, { group: 'g' }, { topic: 'quotes', handle: reply('shop') });
    await world.consume(office, { group: 'g' }, { topic: 'quotes', handle: reply('office') });
    const answers = await world.drive(
      Promise.all([shop, office].map((client) => client.requests.request(text('quotes', 'x'), 5000))),
    );
    expect(answers.map((answer) => answer?.body.toString())).toEqual(['shop', 'office']);
    await expect(world.drive(bare.requests.request(text('quotes', 'x'), 50))).rejects.toThrow(/request to quotes/);
  });

  it('broadcast groups have their own positions', async () => {
    const a = await world.consume(shop, { group: 'b', mode: ConsumeMode.BROADCAST }, { topic: 'orders' });
    const b = await world.consume(office, { group: 'b', mode: ConsumeMode.BROADCAST }, { topic: 'orders' });
    await world.drive(shop.producer.send(text('orders', 'x')));
    await world.until(() => a.seen.length === 1);
    expect(b.seen).toEqual([]);
  });

  it('members of a group share its queues, and take over from each other', async () => {
    const second = await world.client({ namespace: 'shop' });
    const a = await world.consume(shop, { group: 'g' }, { topic: 'orders' });
    const b = await world.consume(second, { group: 'g' }, { topic: 'orders' });
    const queues = (of: typeof a): number =>
      of.consumer.state().queues.filter(({ topic }) => topic === 'orders').length;
    await world.until(() => queues(a) === 2 && queues(b) === 2);
    await world.drive(a.consumer.stop(1000));
    await world.until(() => queues(b) === 4);
  });

  it('errors name what the caller named', async () => {
    const strict = await World.start({ autoCreateTopics: false });
    const client = await strict.client({ namespace: 'shop' });
    await expect(strict.drive(client.producer.send(text('nothing', 'x')))).rejects.toMatchObject({
      code: 'TOPIC_NOT_FOUND',
      message: expect.not.stringContaining('shop%') as never,
    });
    await strict.stop();
  });

  it('administration makes, lists, counts and deletes topics of the namespace', async () => {
    const admin = shop.admin.topics;
    await world.drive(admin.create('made', 2));
    await world.drive(shop.producer.send(text('made', 'x')));
    expect(await world.drive(admin.list())).toEqual(['made', 'orders']);
    expect(await world.drive(admin.list({ all: true }))).not.toContain('office%orders');
    expect(await world.drive(admin.stats('made'))).toMatchObject({ topic: 'made', messages: 1, orderedQueues: 2 });
    expect(await world.drive(bare.admin.topics.list())).toEqual([
      'office%orders',
      'orders',
      'shop%made',
      'shop%orders',
    ]);
    await world.drive(admin.delete('orders'));
    expect(names()).toEqual(expect.arrayContaining(['orders', 'office%orders']));
    expect(names()).not.toContain('shop%orders');
    await expect(world.drive(admin.create('t'.repeat(123)))).rejects.toMatchObject({ code: 'NAME_INVALID' });
  });

  it('dead letters are listed, resent and put away by the names of the namespace, and of no other', async () => {
    let healed = false;
    const of = (client: MessagingClient): ReturnType<World['consume']> =>
      world.consume(
        client,
        { group: 'billing' },
        { topic: 'orders', handle: () => (healed ? ACK : { kind: 'dead-letter', error: new Error('no') }) },
      );
    const { seen } = await of(shop);
    const foreign = await of(office);
    for (const client of [shop, shop, office]) await world.drive(client.producer.send(text('orders', 'bad')));
    const { deadLetters } = shop.admin;
    await world.until(() => seen.length === 2 && foreign.seen.length === 1);
    await world.clock.advance(1000);
    expect(await world.drive(deadLetters.groups())).toEqual([{ group: 'billing', kept: 2, open: 2 }]);
    const { letters } = await world.drive(deadLetters.list('billing', { order: 'oldest' }));
    expect(letters.map(({ group, topic, origin }) => [group, topic, origin.topic])).toEqual(
      Array.from({ length: 2 }, () => ['billing', 'orders', 'orders']),
    );
    healed = true;
    expect(await world.drive(deadLetters.resend('billing', letters[0]!.id))).toMatchObject([
      { result: 'resent', marked: true },
    ]);
    expect(await world.drive(deadLetters.remove('billing', letters[1]!.id))).toMatchObject([{ result: 'removed' }]);
    await world.until(() => seen.length === 3);
    expect(seen[2]!.message.topic).toBe('orders');
    expect(await world.drive(deadLetters.groups())).toEqual([{ group: 'billing', kept: 2, open: 0 }]);
    expect(await world.drive(office.admin.deadLetters.groups())).toEqual([{ group: 'billing', kept: 1, open: 1 }]);
    expect(foreign.seen).toHaveLength(1);
    await expect(world.drive(deadLetters.list('g'.repeat(116)))).rejects.toMatchObject({ code: 'NAME_INVALID' });
  });

  it('messages are found in the namespace and in no other', async () => {
    const sent = await world.drive(shop.producer.send(text('orders', 'of the shop', { keys: ['k'] })));
    await world.drive(office.producer.send(text('orders', 'of the office', { keys: ['k'] })));
    const { messages } = shop.admin;
    const found = [
      ...(await world.drive(messages.findByKey('orders', 'k'))),
      ...(await world.drive(messages.findByTime('orders'))),
      await world.drive(messages.findByMessageId('orders', sent.messageId)),
      await world.drive(messages.findByOffset(sent.offsetMessageId)),
    ];
    expect(found.map((message) => [message?.topic, message?.text()])).toEqual(
      Array.from({ length: 4 }, () => ['orders', 'of the shop']),
    );
    for (const client of [office, bare])
      expect(await world.drive(client.admin.messages.findByMessageId('orders', sent.messageId))).toBeUndefined();
    expect(await world.drive(office.admin.messages.findByOffset(sent.offsetMessageId))).toBeUndefined();
    expect((await world.drive(bare.admin.messages.findByOffset(sent.offsetMessageId)))?.topic).toBe('shop%orders');
  });

  it('names have to fit with their namespace', async () => {
    const long = 't'.repeat(123);
    await expect(shop.producer.send(text(long, 'x'))).rejects.toMatchObject({ code: 'NAME_INVALID' });
    await expect(shop.producer.send(text('shop%orders', 'x'))).rejects.toMatchObject({ code: 'NAME_INVALID' });
    await expect(shop.createTopic(long)).rejects.toMatchObject({ code: 'NAME_INVALID' });
    expect(() => shop.consumer({ group: 'g'.repeat(116), mode: ConsumeMode.CONCURRENT })).toThrow(
      /beside the namespace/,
    );
    await expect(shop.transactions.register('g'.repeat(116), {} as never)).rejects.toMatchObject({
      code: 'NAME_INVALID',
    });
    const consumer = shop.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    expect(() => consumer.add({ name: 'l', topic: long, handle: () => ACK })).toThrow(/beside the namespace/);
    await expect(world.client({ namespace: 'no%good' })).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });

  it('a long application name leaves room for the namespace in its producer group', async () => {
    const client = await world.client({ namespace: 'n'.repeat(60), application: 'a'.repeat(200) });
    await world.drive(client.producer.send(text('orders', 'x')));
    await expect(world.drive(client.requests.request(text('orders', 'x'), 20))).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
  });
});

// A name that a later feature lets by here would leave its namespace.
describe('what a client says and hears', () => {
  const all = [...Object.entries(RequestCode), ...Object.entries(ExtensionCode)];
  const root = new URL('../../lib/client/', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
  const sources = files.map((file) => readFileSync(new URL(file, root), 'utf8'));

  it('every code that it uses says in namespace/bodies.ts what its bodies name', () => {
    const names = sources.flatMap((source) => [
      ...source.matchAll(/(?:RequestCode|ExtensionCode)\.([A-Z][A-Z0-9_]+)/g),
    ]);
    const used = new Set(names.map(([, name]) => name!));
    expect(used.size).toBeGreaterThan(20);
    const missing = [...used].filter((name) => namingBodies(all.find(([known]) => known === name)![1]) === undefined);
    expect(missing).toEqual([]);
  });

  it('every check of a name knows the namespace', () => {
    const checks = sources.flatMap((source) => source.match(/\bcheck(Topic|Group)\([^;]*;/g) ?? []);
    expect(checks.length).toBeGreaterThan(5);
    expect(checks.filter((check) => !check.includes('namespace'))).toEqual([]);
  });

  it('every field of a header that names a topic or a group is known', () => {
    const NO_NAME = [
      'defaultTopic',
      'defaultTopicQueueNums',
      'topicFilterType',
      'topicSysFlag',
      'groupSysFlag',
      'topicSeq',
      'maxTopicNum',
      'groupSeq',
      'maxGroupNum',
      'allTopics',
      // Lists of names, which only RocketMQ's tools send.
      'topicList',
      'filterGroups',
    ];
    const one = { get: () => '1' } as unknown as ReadonlyMap<string, string>;
    const unknown = all.flatMap(([name, code]) =>
      Object.keys(requestHeaderSchema(code).fromFields(one))
        .filter((field) => /topic|group/i.test(field))
        .filter((field) => ![...TOPIC_FIELDS, ...GROUP_FIELDS, ...NO_NAME].includes(field))
        .map((field) => `${name}.${field}`),
    );
    expect(unknown).toEqual([]);
  });
});
