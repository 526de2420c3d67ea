import assert from 'node:assert/strict';
import { MessagingAdmin } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { type Recorder, recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { World } from '../world.js';

type DeadLetters = MessagingAdmin['deadLetters'];

class Office {
  broken = true;
  deadLetters!: DeadLetters;
  readonly orders: Recorder;
  send!: (payload: unknown, options?: { tag?: string; properties?: Record<string, string> }) => Promise<void>;

  constructor(readonly world: World) {
    this.orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 0 }, (payload) => {
      if (!this.broken) return;
      throw payload === 'typo' ? new TypeError('no such field') : new RangeError(`unpaid: ${String(payload)}`);
    });
  }

  /** A group that gives up all that it gets for as long as it is broken. */
  static async open(world: World, ...others: Recorder[]): Promise<Office> {
    const office = new Office(world);
    await office.start(...others);
    return office;
  }

  async start(...others: Recorder[]): Promise<void> {
    const { template, get } = await this.world.start(this.orders, ...others);
    this.deadLetters = get(MessagingAdmin).deadLetters;
    this.send = async (payload, options) => {
      const before = this.orders.deliveries.length;
      const open = (await this.list()).length;
      await this.world.passing(template.syncSend('orders', payload, options));
      await this.orders.got(this.world, before + 1);
      await this.world.pass(100);
      // Given up is what has been handled; it is a letter a moment later.
      if (this.broken)
        await this.world.soon(
          () => this.list(),
          (letters) => letters.length > open,
        );
    };
  }

  async list(...query: [query?: Parameters<DeadLetters['list']>[1]]): Promise<unknown[]> {
    const { letters } = await this.world.passing(this.deadLetters.list('g', ...query));
    return letters.map(({ payload }) => payload);
  }

  async ids(): Promise<string[]> {
    const { letters } = await this.world.passing(this.deadLetters.list('g', { order: 'oldest' }));
    return letters.map(({ id }) => id);
  }
}

export const letterAdmin = subject('administration of dead letters', (it) => {
  it('shows what was given up, why, how often it was tried and where it was sent to', async (world) => {
    const office = await Office.open(world);
    await office.send('typo', { tag: 'paid', properties: { till: '4' } });
    const { letters } = await world.passing(office.deadLetters.list('g'));
    const [letter] = letters;
    assert.equal(letters.length, 1);
    assert.deepEqual(
      [
        letter!.payload,
        letter!.reason,
        letter!.errorClass,
        letter!.attempts,
        letter!.group,
        letter!.topic,
        letter!.tag,
      ],
      ['typo', 'no such field', 'TypeError', 1, 'g', 'orders', 'paid'],
    );
    assert.deepEqual([letter!.state, { ...letter!.message.properties }], ['open', { till: '4' }]);
    assert.deepEqual(await world.passing(office.deadLetters.groups()), [{ group: 'g', kept: 1, open: 1 }]);
  });

  it('the newest come first, or the oldest', async (world) => {
    const office = await Office.open(world);
    for (const n of [1, 2, 3]) await office.send(n);
    assert.deepEqual(await office.list(), [3, 2, 1]);
    assert.deepEqual(await office.list({ order: 'oldest' }), [1, 2, 3]);
  });

  it('pages begin where the one before has ended', async (world) => {
    const office = await Office.open(world);
    for (let n = 0; n < 7; n++) await office.send(n);
    const pages: unknown[][] = [];
    let cursor: string | undefined;
    do {
      const page = await world.passing(office.deadLetters.list('g', { order: 'oldest', limit: 3, cursor }));
      pages.push(page.letters.map(({ payload }) => payload));
      cursor = page.cursor;
    } while (cursor !== undefined);
    assert.deepEqual(pages, [[0, 1, 2], [3, 4, 5], [6]]);
  });

  it('finds them by tag, class of the error, time and a function', async (world) => {
    const office = await Office.open(world);
    await office.send('typo', { tag: 'a' });
    await office.send(1, { tag: 'b' });
    await world.pass(60_000);
    const since = new Date(world.now());
    await office.send(2, { tag: 'b' });
    assert.deepEqual(await office.list({ tag: 'a' }), ['typo']);
    assert.deepEqual(await office.list({ errorClass: 'RangeError' }), [2, 1]);
    assert.deepEqual(await office.list({ since }), [2]);
    assert.deepEqual(await office.list({ until: since, tag: 'b' }), [1]);
    assert.deepEqual(await office.list({ where: ({ reason }) => reason === 'unpaid: 2' }), [2]);
  });

  it('a resent one comes to the group that gave it up as a first attempt, stamped, and to no other group', async (world) => {
    const other = recorder({ topic: 'orders', group: 'other' });
    const office = await Office.open(world, other);
    await office.send('x');
    office.broken = false;
    const [id] = (await office.ids()) as [string];
    const [outcome] = await world.passing(office.deadLetters.resend('g', id));
    assert.deepEqual([outcome!.id, outcome!.result, outcome!.marked], [id, 'resent', true]);
    await office.orders.got(world, 2);
    await world.pass(5_000);
    const [first, again] = office.orders.deliveries as [
      (typeof office.orders.deliveries)[0],
      (typeof office.orders.deliveries)[0],
    ];
    assert.deepEqual([again.payload, again.attempt, again.message.topic], ['x', 1, 'orders']);
    assert.deepEqual([first.message.resent, again.message.resent], [false, true]);
    assert.equal(again.message.originId, first.message.messageId);
    assert.notEqual(again.message.messageId, first.message.messageId);
    assert.equal(again.message.messageId, outcome!.messageId);
    assert.deepEqual(other.payloads, ['x']);
  });

  it('what was resent is not offered again, unless it is asked for', async (world) => {
    const office = await Office.open(world);
    await office.send('x');
    const [id] = (await office.ids()) as [string];
    office.broken = false;
    await world.passing(office.deadLetters.resend('g', id));
    await office.orders.got(world, 2);
    assert.deepEqual(
      [await office.list(), await office.list({ state: 'settled' }), await office.list({ state: 'all' })],
      [[], ['x'], ['x']],
    );
    const twice = await world.passing(office.deadLetters.resend('g', [id, 'nestmq:0:99']));
    assert.deepEqual(
      twice.map(({ result }) => result),
      ['settled-before', 'gone'],
    );
    await world.pass(5_000);
    assert.equal(office.orders.deliveries.length, 2);
    const asked = await world.passing(office.deadLetters.resend('g', id, { again: true }));
    assert.deepEqual(
      asked.map(({ result }) => result),
      ['resent'],
    );
    await office.orders.got(world, 3);
  });

  it.needing(['restart'], 'what was resent is not offered again after a crash either', async (world) => {
    const office = await Office.open(world);
    for (const n of [1, 2]) await office.send(n);
    const [id] = (await office.ids()) as [string];
    office.broken = false;
    await world.passing(office.deadLetters.resend('g', id));
    await office.orders.got(world, 3);
    await world.crash();
    await office.start();
    assert.deepEqual(await office.list(), [2]);
  });

  it('resends all that match, and says of each what became of it', async (world) => {
    const office = await Office.open(world);
    for (const payload of [1, 'typo', 2, 3]) await office.send(payload);
    office.broken = false;
    const outcomes: string[] = [];
    const report = await world.passing(
      office.deadLetters.resendAll(
        'g',
        { errorClass: 'RangeError' },
        { onOutcome: ({ result }) => void outcomes.push(result) },
      ),
    );
    assert.deepEqual([report.complete, report.resent, report.failed], [true, 3, 0]);
    assert.deepEqual(outcomes, ['resent', 'resent', 'resent']);
    await office.orders.got(world, 7);
    await world.pass(5_000);
    assert.deepEqual(office.orders.payloads.slice(4).toSorted(), [1, 2, 3]);
    assert.deepEqual(
      await world.soon(
        () => office.list(),
        (list) => list.length === 1,
      ),
      ['typo'],
    );
  });

  it('resends at a pace', async (world) => {
    const office = await Office.open(world);
    for (let n = 0; n < 6; n++) await office.send(n);
    office.broken = false;
    office.orders.on(world);
    const began = world.now();
    await world.passing(office.deadLetters.resendAll('g', {}, { ratePerSecond: 2 }));
    await office.orders.got(world, 12);
    const last = office.orders.deliveries.at(-1)!.at;
    assert.ok(last - began >= 2_400 && last - began <= 3_500 + world.slack, `${last - began} ms`);
  });

  it('one that fails again is a letter again, with all its retries before', async (world) => {
    const office = await Office.open(world);
    await office.send('typo');
    const [id] = (await office.ids()) as [string];
    await world.passing(office.deadLetters.resend('g', id));
    await office.orders.got(world, 2);
    await world.pass(1_000);
    const { letters } = await world.passing(office.deadLetters.list('g'));
    assert.deepEqual(
      letters.map(({ payload, attempts }) => [payload, attempts]),
      [['typo', 1]],
    );
    assert.notEqual(letters[0]!.id, id);
  });

  it('resends to another topic, for all who listen there', async (world) => {
    const clerks = recorder({ topic: 'by-hand', group: 'clerks' });
    const office = await Office.open(world, clerks);
    await office.send('x', { tag: 'paid' });
    await world.passing(office.deadLetters.resendAll('g', {}, { to: 'by-hand' }));
    await clerks.got(world, 1);
    await world.pass(5_000);
    assert.deepEqual(
      [clerks.payloads, clerks.deliveries[0]!.message.tag, clerks.deliveries[0]!.attempt],
      [['x'], 'paid', 1],
    );
    assert.equal(office.orders.deliveries.length, 1);
  });

  it('what is put away is not offered and not sent', async (world) => {
    const office = await Office.open(world);
    for (const n of [1, 2, 3]) await office.send(n);
    const [id] = (await office.ids()) as [string];
    assert.deepEqual(
      (await world.passing(office.deadLetters.remove('g', id))).map(({ result }) => result),
      ['removed'],
    );
    assert.deepEqual(await office.list(), [3, 2]);
    const report = await world.passing(office.deadLetters.removeAll('g', { where: ({ payload }) => payload === 2 }));
    assert.deepEqual([report.removed, report.resent], [1, 0]);
    assert.deepEqual(await office.list(), [3]);
    assert.deepEqual(await world.passing(office.deadLetters.groups()), [{ group: 'g', kept: 3, open: 1 }]);
    await world.pass(5_000);
    assert.equal(office.orders.deliveries.length, 3);
  });

  it('an expired message that is resent is handled: its expiry was that of the first send', async (world) => {
    const office = await Office.open(world);
    office.broken = false;
    const sender = await world.start();
    const late = recorder({ topic: 'offers', group: 'late', from: 'earliest' });
    await world.passing(sender.template.syncSend('offers', 'late', { expiresIn: '10s' }));
    await world.pass(20_000);
    await world.start(late);
    await world.pass(5_000);
    assert.deepEqual(late.payloads, []);
    await world.soon(
      () => office.deadLetters.list('late'),
      ({ letters }) => letters.length > 0,
    );
    assert.equal((await world.passing(office.deadLetters.resendAll('late'))).resent, 1);
    await late.got(world, 1);
    assert.deepEqual(late.payloads, ['late']);
  });

  it('a group that gave up nothing has nothing to show', async (world) => {
    const office = await Office.open(world);
    assert.deepEqual(await office.list(), []);
    assert.deepEqual(await world.passing(office.deadLetters.groups()), []);
    assert.equal((await world.passing(office.deadLetters.resendAll('nobody'))).complete, true);
    assert.equal(await world.passing(office.deadLetters.get('g', 'nestmq:0:0')), undefined);
  });

  it('senseless questions are refused', async (world) => {
    const { deadLetters } = await Office.open(world);
    await rejects(world.passing(deadLetters.list('g', { limit: 0 })), 'BAD_ARGUMENT', /limit/);
    await rejects(world.passing(deadLetters.list('g', { ordr: 'newest' } as object)), 'BAD_ARGUMENT', /ordr/);
    await rejects(world.passing(deadLetters.resendAll('g', {}, { to: '%DLQ%g' })), 'BAD_ARGUMENT', /topic of your own/);
    await rejects(world.passing(deadLetters.resend('a b', 'x')), 'NAME_INVALID', /a b/);
  });
});
