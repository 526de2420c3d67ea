import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../../lib/platform/index.js';
import {
  type PullMessageRequestHeader,
  createResponse,
  ExtensionCode,
  MessagingError,
  RequestCode,
  ResponseCode,
} from '../../../lib/protocol/index.js';
import type { LetterOutcome } from '../../../lib/client/index.js';
import { bodies, text, World } from '../support.js';
import { Failing } from './failing.js';

const isLook = (header: object): boolean => (header as PullMessageRequestHeader).consumerGroup === 'TOOLS_CONSUMER';

describe('admin.deadLetters', () => {
  let world: World;
  let failing: Failing;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 'orders', queues: 1 }] });
    failing = await new Failing(world).start();
  });
  afterEach(() => world.stop());
  const letters = () => failing.client.admin.deadLetters;

  describe('looking through them', () => {
    it('lets everybody else have a turn of the loop, also when somebody asks again and again', async () => {
      let hadTurn = false;
      setTimeout(() => (hadTurn = true), 1);
      const end = performance.now() + 5000;
      while (!hadTurn && performance.now() < end) await letters().list('billing');
      expect(hadTurn).toBe(true);
    });

    it('shows a letter with its message and why it was given up', async () => {
      const at = world.clock.now();
      await failing.send(
        text('orders', '{"id":7}', { tag: 'typo', keys: ['k'], properties: { till: '4' }, contentType: 'json' }),
      );
      await world.until(() => failing.client.counters.deadLettered === 1);
      const { letters: found, cursor } = await letters().list('billing');
      expect(cursor).toBeUndefined();
      expect(found).toHaveLength(1);
      const [letter] = found;
      expect(letter).toMatchObject({
        id: 'nestmq:0:0',
        group: 'billing',
        state: 'open',
        topic: 'orders',
        tag: 'typo',
        errorClass: 'TypeError',
        reason: 'no such field',
        attempts: 1,
        origin: { topic: 'orders', queueId: 0, queueOffset: 0 },
        firstFailedAt: new Date(at),
        lastFailedAt: new Date(at),
        payload: { id: 7 },
      });
      expect(letter!.message).toMatchObject({ topic: 'orders', keys: ['k'], properties: { till: '4' }, resent: false });
      expect(await letters().get('billing', letter!.id)).toMatchObject({ id: letter!.id, reason: 'no such field' });
      expect(JSON.parse(JSON.stringify(letter))).toMatchObject({
        id: letter!.id,
        message: { messageId: expect.any(String) },
      });
      expect(await letters().groups()).toEqual([{ group: 'billing', kept: 1, open: 1 }]);
    });

    it('has nothing to show of a group that gave up nothing', async () => {
      expect(await letters().list('billing')).toEqual({ letters: [], cursor: undefined });
      expect(await letters().list('nobody')).toEqual({ letters: [], cursor: undefined });
      expect(await letters().get('billing', 'nestmq:0:0')).toBeUndefined();
      expect(await letters().groups()).toEqual([]);
      expect(await letters().resendAll('nobody')).toMatchObject({ complete: true, resent: 0 });
    });

    it.each(['newest', 'oldest'] as const)('pages through thousands, the %s first', async (order) => {
      await failing.giveUp(2500);
      const found: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await letters().list('billing', { order, limit: 700, cursor });
        found.push(...page.letters.map(({ message }) => message.text()));
        cursor = page.cursor;
        pages++;
      } while (cursor !== undefined);
      const all = Array.from({ length: 2500 }, (_, at) => `m${at}`);
      expect(pages).toBe(4);
      // Concurrent handlers give up in any order; what a page leaves out the next one has.
      expect([...found].sort()).toEqual([...all].sort());
      const offsets = (await letters().list('billing', { order, limit: 3 })).letters.map(({ id }) => id);
      expect(offsets).toEqual(
        order === 'oldest'
          ? ['nestmq:0:0', 'nestmq:0:1', 'nestmq:0:2']
          : ['nestmq:0:2499', 'nestmq:0:2498', 'nestmq:0:2497'],
      );
    });

    it('filters by topic, tag, class of error, time and anything else', async () => {
      await failing.send(text('orders', 'a', { tag: 'typo' }));
      await failing.send(text('orders', 'b', { tag: 'sum' }));
      await world.until(() => failing.client.counters.deadLettered === 2);
      await world.clock.advance(60_000);
      const noon = new Date(world.clock.now());
      await failing.send(text('orders', 'c', { tag: 'sum', keys: ['vip'] }));
      await world.until(() => failing.client.counters.deadLettered === 3);
      const found = async (filter: object) =>
        (await letters().list('billing', { order: 'oldest', ...filter })).letters.map(({ message }) => message.text());
      expect(await found({})).toEqual(['a', 'b', 'c']);
      expect(await found({ topic: 'orders' })).toEqual(['a', 'b', 'c']);
      expect(await found({ topic: 'other' })).toEqual([]);
      expect(await found({ tag: 'sum' })).toEqual(['b', 'c']);
      expect(await found({ errorClass: 'TypeError' })).toEqual(['a']);
      expect(await found({ since: noon })).toEqual(['c']);
      expect(await found({ until: noon })).toEqual(['a', 'b']);
      expect(
        await found({
          where: (letter: { message: { keys: readonly string[] } }) => letter.message.keys.includes('vip'),
        }),
      ).toEqual(['c']);
      expect(await found({ tag: 'sum', until: noon })).toEqual(['b']);
    });
  });

  describe('resending', () => {
    it('gives a letter to the group that failed, and to no other, stamped and as a first attempt', async () => {
      const other = await world.consume(
        await world.client(),
        { group: 'other', from: 'earliest' },
        { topic: 'orders' },
      );
      await failing.send(text('orders', 'x', { tag: 'typo', keys: ['k'], properties: { till: '4' } }));
      await world.until(() => failing.client.counters.deadLettered === 1 && other.seen.length === 1);
      const [letter] = (await letters().list('billing')).letters;
      failing.broken = false;
      const [outcome] = await world.drive(letters().resend('billing', letter!.id));
      expect(outcome).toMatchObject({ id: letter!.id, result: 'resent', marked: true, resentId: letter!.resentId });
      await world.until(() => failing.seen.length === 2);
      const { message } = failing.seen[1]!;
      expect(message).toMatchObject({
        topic: 'orders',
        tag: 'typo',
        keys: ['k'],
        properties: { till: '4' },
        attempt: 1,
        resent: true,
        replayed: false,
        messageId: outcome!.messageId,
        originId: letter!.message.messageId,
        queueId: 0,
        queueOffset: 0,
      });
      expect(message.text()).toBe('x');
      expect(message.messageId).not.toBe(message.originId);
      expect(message.systemProperty('NESTMQ_RESENT')).toBe(letter!.resentId);
      expect(message.systemProperty('NESTMQ_DLQ_ERROR_CLASS')).toBeUndefined();
      await world.clock.advance(60_000);
      expect(bodies(other.seen)).toEqual(['x']);
    });

    it('sends to a topic of choice, where everybody gets it', async () => {
      await failing.send(text('orders', 'x', { tag: 'typo', shardingKey: 'customer' }));
      await world.until(() => failing.client.counters.deadLettered === 1);
      const two = await Promise.all(
        ['a', 'b'].map(async (group) => world.consume(await world.client(), { group }, { topic: 'mended' })),
      );
      const [outcome] = await world.drive(letters().resend('billing', ['nestmq:0:0'], { to: 'mended' }));
      expect(outcome!.result).toBe('resent');
      await world.until(() => two.every(({ seen }) => seen.length === 1));
      expect(two[0]!.seen[0]!.message).toMatchObject({ topic: 'mended', tag: 'typo', resent: true });
      expect(two[0]!.seen[0]!.message.systemProperty('__SHARDINGKEY')).toBe('customer');
      expect(two[0]!.seen[0]!.message.systemProperty('RETRY_TOPIC')).toBeUndefined();
    });

    it('offers a letter only once unless asked', async () => {
      await failing.giveUp(3);
      failing.broken = false;
      await world.drive(letters().resend('billing', ['nestmq:0:1']));
      await letters().remove('billing', 'nestmq:0:2');
      const states = async (state: 'open' | 'settled' | 'all') =>
        (await letters().list('billing', { state, order: 'oldest' })).letters.map((letter) => letter.state);
      expect(await states('open')).toEqual(['open']);
      expect(await states('settled')).toEqual(['resent', 'removed']);
      expect(await states('all')).toEqual(['open', 'resent', 'removed']);
      expect(await letters().groups()).toEqual([{ group: 'billing', kept: 3, open: 1 }]);
      const outcomes = await world.drive(
        letters().resend('billing', ['nestmq:0:2', 'nestmq:0:9', 'nestmq:0:0', 'nestmq:0:1']),
      );
      expect(outcomes.map(({ result }) => result)).toEqual(['settled-before', 'gone', 'resent', 'settled-before']);
      const [again] = await world.drive(letters().resend('billing', 'nestmq:0:1', { again: true }));
      expect(again!.result).toBe('resent');
      await world.until(() => failing.seen.length === 3 + 3);
      const stamps = failing.seen.slice(3).map(({ message }) => message.systemProperty('NESTMQ_RESENT'));
      expect(new Set(stamps).size).toBe(2);
    });

    it('keeps the first id and gives another stamp when a resent message fails again', async () => {
      await failing.giveUp(1);
      const first = (await letters().get('billing', 'nestmq:0:0'))!;
      await world.clock.advance(1000);
      await world.drive(letters().resend('billing', first.id));
      await world.until(() => failing.client.counters.deadLettered === 2);
      const second = (await letters().get('billing', 'nestmq:0:1'))!;
      expect(second).toMatchObject({ state: 'open', topic: 'orders', attempts: 1, origin: first.origin });
      expect(second.message).toMatchObject({ resent: true, originId: first.message.messageId });
      expect(second.resentId).not.toBe(first.resentId);
      failing.broken = false;
      await world.drive(letters().resend('billing', second.id));
      await world.until(() => failing.seen.length === 3);
      expect(failing.seen[2]!.message.originId).toBe(first.message.messageId);
    });

    it('works through thousands, each once, with what became of each', async () => {
      await failing.giveUp(2000);
      failing.broken = false;
      const outcomes: LetterOutcome[] = [];
      const report = await world.drive(
        letters().resendAll('billing', {}, { onOutcome: (outcome) => void outcomes.push(outcome) }),
      );
      expect(report).toEqual({ complete: true, resent: 2000, removed: 0, failed: 0, unmarked: 0 });
      expect(new Set(outcomes.map(({ id }) => id)).size).toBe(2000);
      await world.until(() => failing.seen.length === 4000, 600_000);
      expect(new Set(failing.seen.slice(2000).map(({ body }) => body)).size).toBe(2000);
      expect(await world.drive(letters().resendAll('billing'))).toMatchObject({ complete: true, resent: 0 });
    });

    it('only those that match, and not those that come meanwhile', async () => {
      await failing.giveUp(40);
      // Still broken: each resend is a new dead letter.
      const report = await world.drive(
        letters().resendAll('billing', { where: ({ message }) => message.text().endsWith('0') }),
      );
      expect(report).toMatchObject({ complete: true, resent: 4 });
      await world.until(() => failing.client.counters.deadLettered === 44);
      expect(await letters().groups()).toEqual([{ group: 'billing', kept: 44, open: 40 }]);
    });

    it('keeps to a rate and ends at a signal; another call goes on with the rest', async () => {
      await failing.giveUp(100);
      failing.broken = false;
      const stop = new AbortController();
      const start = world.clock.now();
      let done = 0;
      const report = await world.drive(
        letters().resendAll(
          'billing',
          {},
          {
            ratePerSecond: 20,
            signal: stop.signal,
            onOutcome: () => {
              if (++done === 60) stop.abort();
            },
          },
        ),
      );
      expect(report).toMatchObject({ complete: false, resent: 60 });
      expect(world.clock.now() - start).toBeGreaterThanOrEqual(2800);
      expect(await world.drive(letters().resendAll('billing'))).toMatchObject({ complete: true, resent: 40 });
      await world.until(() => failing.seen.length === 200);
    });

    it('says what failed, leaves it open, and ends when nothing gets through', async () => {
      await failing.client.createTopic('%DLQ%ghost', 1);
      const many = Array.from({ length: 100 }, (_, at) => text('%DLQ%ghost', `g${at}`));
      await world.drive(failing.client.producer.sendBatch(many));
      const report = await world.drive(letters().resendAll('ghost'));
      expect(report).toMatchObject({ complete: false, resent: 0, failed: 32, error: { code: 'GROUP_NOT_FOUND' } });
      const [outcome] = await world.drive(letters().resend('ghost', 'nestmq:0:99'));
      expect(outcome).toMatchObject({ result: 'failed', marked: false, error: { code: 'GROUP_NOT_FOUND' } });
      expect(await letters().groups()).toEqual([{ group: 'ghost', kept: 100, open: 100 }]);
    });

    it('reports how far it came when the broker goes away', async () => {
      await failing.giveUp(100);
      failing.broken = false;
      let reads = 0;
      world.intercept = (request) =>
        request.code === RequestCode.PULL_MESSAGE && isLook(request.header) && ++reads === 3
          ? Promise.reject(new MessagingError('CONNECT_FAILED', 'the broker is away'))
          : undefined;
      const report = await world.drive(failing.client.admin.deadLetters.resendAll('billing'));
      expect(report).toMatchObject({ complete: false, error: { code: 'CONNECT_FAILED' } });
      expect(report.resent).toBeLessThan(100);
      world.intercept = () => undefined;
      expect(await world.drive(letters().resendAll('billing'))).toMatchObject({
        complete: true,
        resent: 100 - report.resent,
      });
    });

    it('gives the same stamp when the process dies between the send and the mark', async () => {
      await failing.giveUp(1);
      failing.broken = false;
      world.intercept = (request) =>
        request.code === ExtensionCode.MARK_DEAD_LETTERS ? Promise.reject(new Error('the process is gone')) : undefined;
      const [first] = await world.drive(letters().resend('billing', 'nestmq:0:0'));
      expect(first).toMatchObject({
        result: 'resent',
        marked: false,
        error: { message: expect.stringContaining('gone') },
      });
      world.intercept = () => undefined;
      const other = await world.client();
      const [second] = await world.drive(other.admin.deadLetters.resend('billing', 'nestmq:0:0'));
      expect(second).toMatchObject({ result: 'resent', marked: true });
      await world.until(() => failing.seen.length === 3);
      const [a, b] = failing.seen.slice(1).map(({ message }) => message);
      expect(a!.systemProperty('NESTMQ_RESENT')).toBe(b!.systemProperty('NESTMQ_RESENT'));
      expect(a!.messageId).not.toBe(b!.messageId);
    });

    it('works with a broker that keeps no marks', async () => {
      await failing.giveUp(2);
      failing.broken = false;
      world.intercept = (request) =>
        request.code >= 31_000 && request.code < 32_000
          ? Promise.resolve(createResponse(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, {}, 'what?'))
          : undefined;
      expect(await world.drive(letters().resendAll('billing'))).toMatchObject({
        complete: true,
        resent: 2,
        unmarked: 2,
      });
      expect((await letters().list('billing')).letters).toHaveLength(2);
      await expect(letters().remove('billing', 'nestmq:0:0')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
      await world.until(() => failing.seen.length === 4);
    });
  });

  it('removes letters, one or all that match', async () => {
    await failing.giveUp(50);
    expect(await letters().remove('billing', ['nestmq:0:3', 'nestmq:0:99'])).toMatchObject([
      { result: 'removed', marked: true },
      { result: 'gone', marked: false },
    ]);
    const report = await letters().removeAll('billing', { where: ({ message }) => message.text().length === 2 });
    expect(report.complete).toBe(true);
    expect(await letters().removeAll('billing')).toMatchObject({ removed: 49 - report.removed });
    expect(await letters().list('billing')).toEqual({ letters: [], cursor: undefined });
    await world.clock.advance(60_000);
    expect(failing.seen).toHaveLength(50);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a group that is none', () => letters().list('no spaces'), 'NAME_INVALID'],
    ['an unknown option', () => letters().list('billing', { newest: true } as object), 'BAD_ARGUMENT'],
    ['a page of nothing', () => letters().list('billing', { limit: 0 }), 'BAD_ARGUMENT'],
    ['a page of everything', () => letters().list('billing', { limit: 1_000_000 }), 'BAD_ARGUMENT'],
    ['an order that is none', () => letters().list('billing', { order: 'random' as 'newest' }), 'BAD_ARGUMENT'],
    ['a date that is none', () => letters().list('billing', { since: new Date('?') }), 'BAD_ARGUMENT'],
    ['a cursor that is none', () => letters().list('billing', { cursor: 'x' }), 'BAD_ARGUMENT'],
    ['an id that is none', () => letters().resend('billing', 'x'), 'BAD_ARGUMENT'],
    ['no id', () => letters().get('billing', undefined as unknown as string), 'BAD_ARGUMENT'],
    ['the broker’s topic', () => letters().resend('billing', 'b:0:0', { to: 'SCHEDULE_TOPIC_XXXX' }), 'BAD_ARGUMENT'],
    ['the retries of a group', () => letters().resendAll('billing', {}, { to: '%RETRY%x' }), 'BAD_ARGUMENT'],
    ['a rate of nothing', () => letters().resendAll('billing', {}, { ratePerSecond: 0 }), 'BAD_ARGUMENT'],
    ['a filter in the place of options', () => letters().resendAll('billing', { to: 'x' } as object), 'BAD_ARGUMENT'],
  ])('refuses %s', async (_, ask, code) => {
    await expect(world.drive(ask())).rejects.toMatchObject({ code });
  });
});

describe('the marks of dead letters', () => {
  it('outlive the broker', async () => {
    const world = await World.start(
      { memory: false, store: '/store', topics: [{ name: 'orders', queues: 1 }] },
      new MemoryFileSystem(),
    );
    const failing = await new Failing(world).start();
    await failing.giveUp(3);
    failing.broken = false;
    await world.drive(failing.client.admin.deadLetters.resend('billing', 'nestmq:0:1'));
    await failing.client.admin.deadLetters.remove('billing', 'nestmq:0:2');
    await world.restart();
    const client = await world.client();
    const { letters } = await world.drive(client.admin.deadLetters.list('billing', { state: 'all', order: 'oldest' }));
    expect(letters.map(({ state }) => state)).toEqual(['open', 'resent', 'removed']);
    await world.stop();
  });
});
