import assert from 'node:assert/strict';
import { ConsumeMode, type MessageListenerOptions, TransactionState } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { Ledger } from '../ledger.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { World } from '../world.js';

type Filter = Pick<MessageListenerOptions, 'tag' | 'selector' | 'headers'>;
type Properties = Readonly<Record<string, string>>;

const EU: Filter = { selector: "region = 'eu'" };
const US: Filter = { selector: "region = 'us'" };

/** Which of the messages a listener with the filter gets; each is named by its tag, `-` for none. */
async function passing(
  world: World,
  filter: Filter,
  ...messages: readonly (string | Properties)[]
): Promise<unknown[]> {
  const listener = recorder({ topic: 'orders', ...filter });
  const all = recorder({ topic: 'orders', group: 'all' });
  const { template } = await world.start(listener, all);
  for (const message of messages) {
    if (typeof message === 'string') await world.passing(template.syncSend(`orders:${message}`, message));
    else {
      const { TAGS: tag, ...properties } = message;
      await world.passing(template.syncSend('orders', message, { tag, properties }));
    }
  }
  await all.got(world, messages.length);
  await world.pass(3_000);
  const got = new Set(listener.payloads.map((payload) => JSON.stringify(payload)));
  assert.equal(got.size, listener.deliveries.length);
  return messages.filter((message) => got.has(JSON.stringify(message)));
}

export const filters = subject('filters', (it) => {
  it('* in a tag stands for one word', async (world) => {
    const got = await passing(
      world,
      { tag: 'order.*.paid' },
      'order.a.paid',
      'order.paid',
      'order.a.b.paid',
      'order.a',
    );
    assert.deepEqual(got, ['order.a.paid']);
  });

  it('# in a tag stands for any number of words, none included', async (world) => {
    const got = await passing(world, { tag: 'order.#' }, 'order', 'order.a', 'order.a.b', 'orders', 'an.order');
    assert.deepEqual(got, ['order', 'order.a', 'order.a.b']);
  });

  it('wildcards stand beside plain tags', async (world) => {
    const got = await passing(world, { tag: '#.paid || refund' }, 'paid', 'a.b.paid', 'refund', 'paid.a', 'refund.a');
    assert.deepEqual(got, ['paid', 'a.b.paid', 'refund']);
  });

  it('headers that must all match', async (world) => {
    const headers = { match: 'all' as const, properties: { region: 'eu', kind: 'pdf' } };
    const both = { region: 'eu', kind: 'pdf', more: 'x' };
    const got = await passing(
      world,
      { headers },
      both,
      { region: 'eu' },
      { region: 'eu', kind: 'PDF' },
      { kind: 'pdf' },
    );
    assert.deepEqual(got, [both]);
  });

  it('headers of which any must match', async (world) => {
    const headers = { match: 'any' as const, properties: { region: 'eu', kind: 'pdf' } };
    const [one, other] = [{ region: 'eu' }, { region: 'us', kind: 'pdf' }];
    assert.deepEqual(await passing(world, { headers }, one, other, { region: 'us' }, { n: '1' }), [one, other]);
  });

  it('a header that is true only has to be there', async (world) => {
    const headers = { match: 'all' as const, properties: { vip: true as const } };
    const [yes, no] = [{ vip: 'yes' }, { vip: 'false' }];
    assert.deepEqual(await passing(world, { headers }, yes, no, { n: '1' }), [yes, no]);
  });

  it('headers beside a tag: the message must pass both', async (world) => {
    const headers = { match: 'all' as const, properties: { region: 'eu' } };
    const both = { TAGS: 'order.paid', region: 'eu' };
    const others: Properties[] = [
      { TAGS: 'order.paid', region: 'us' },
      { TAGS: 'invoice', region: 'eu' },
      { region: 'eu' },
    ];
    assert.deepEqual(await passing(world, { tag: 'order.*', headers }, both, ...others), [both]);
  });

  it.rows<[string, Properties, boolean]>(
    'a selector is RocketMQ’s SQL92',
    [
      ["a = 'x'", { a: 'x' }, true],
      ["a = 'x'", { a: 'X' }, false],
      ["a <> 'x'", { a: 'y' }, true],
      ['a > 9', { a: '10' }, true],
      ['a >= 10 AND a <= 10', { a: '10' }, true],
      ['a < 10', { a: '10' }, false],
      ['a BETWEEN 1 AND 10', { a: '10' }, true],
      ['a NOT BETWEEN 1 AND 10', { a: '11' }, true],
      ["a IN ('x', 'y')", { a: 'y' }, true],
      ["a NOT IN ('x', 'y')", { a: 'y' }, false],
      ['a IS NULL', { b: 'x' }, true],
      ['a IS NOT NULL', { a: 'x' }, true],
      ["a CONTAINS 'b'", { a: 'abc' }, true],
      ["a STARTSWITH 'b'", { a: 'abc' }, false],
      ["a ENDSWITH 'bc'", { a: 'abc' }, true],
      ["TAGS = 't' AND a = TRUE", { TAGS: 't', a: 'true' }, true],
      ["a = '1' OR b = '1' AND c = '1'", { a: '1' }, true],
      ["(a = '1' OR b = '1') AND c = '1'", { a: '1' }, false],
    ],
    async (world, [selector, properties, passes]) => {
      const topic = `rows-${Buffer.from(selector).toString('hex').slice(-40)}-${passes}`;
      const listener = recorder({ topic, group: topic, selector });
      const all = recorder({ topic, group: `${topic}-all` });
      const { template, close } = await world.start(listener, all);
      const { TAGS: tag, ...others } = properties;
      await world.passing(template.syncSend(topic, 'x', { tag, properties: others }));
      await all.got(world, 1);
      await world.pass(1_000);
      assert.equal(listener.deliveries.length, passes ? 1 : 0);
      await close();
    },
  );

  it('what a message lacks is unknown: neither the comparison nor its opposite is so', async (world) => {
    const here = { region: 'us' };
    assert.deepEqual(await passing(world, { selector: "NOT (region = 'eu')" }, here, { other: 'x' }), [here]);
  });

  it('a value that cannot be compared is no match, and keeps nothing behind it', async (world) => {
    const [good, better] = [{ n: '4' }, { n: '5' }];
    const got = await passing(world, { selector: 'n > 3' }, good, { n: 'many' }, { n: '3.5' }, better);
    assert.deepEqual(got, [good, better]);
  });

  it('listeners of a group share a topic by conditions that exclude each other', async (world) => {
    const small = recorder({ topic: 'orders', group: 'g', selector: 'amount <= 100' });
    const large = recorder({ topic: 'orders', group: 'g', selector: 'amount > 100' });
    const { template } = await world.start(small, large);
    for (const amount of [1, 100, 101, 5_000]) {
      await world.passing(template.syncSend('orders', amount, { properties: { amount: String(amount) } }));
    }
    await small.got(world, 2);
    await large.got(world, 2);
    await world.pass(3_000);
    assert.deepEqual(
      [small.payloads.toSorted(), large.payloads.toSorted()],
      [
        [1, 100],
        [101, 5_000],
      ],
    );
  });

  it.rows<[Filter, Filter]>(
    'listeners of a group that could want the same message are refused at boot',
    [
      [EU, { selector: 'amount > 100' }],
      [{ tag: 'order.*' }, { tag: '*.paid' }],
      [{ headers: { match: 'any', properties: { a: '1' } } }, { headers: { match: 'any', properties: { b: '1' } } }],
      [{ selector: 'amount >= 100' }, { selector: 'amount <= 100' }],
      [{ tag: 'paid' }, EU],
    ],
    async (world, [one, other]) => {
      const started = world.start(
        recorder({ topic: 'orders', group: 'g', ...one }),
        recorder({ topic: 'orders', group: 'g', ...other }),
      );
      await rejects(started, 'CONFIGURATION', /could match the same message|same messages/);
    },
  );

  it('a selector that cannot be read is refused at boot, with the place', async (world) => {
    const started = world.start(recorder({ topic: 'orders', selector: "region = 'eu' AND !vip" }));
    await rejects(started, 'CONFIGURATION', /RecorderListener\.on.*SQL92 at character 19/s);
  });

  it.rows<[Filter, RegExp]>(
    'filters that make no sense are refused at boot',
    [
      [{ ...EU, tag: 'paid' }, /A selector stands alone/],
      [{ ...EU, headers: { match: 'all', properties: { a: '1' } } }, /A selector stands alone/],
      [{ tag: 'ord*' }, /whole word/],
      [{ headers: { match: 'all', properties: {} } }, /0 properties/],
    ],
    (world, [filter, why]) =>
      rejects(world.start(recorder({ topic: 'orders', ...filter })), 'CONFIGURATION', why).then(() => undefined),
  );

  it('each message of a batch is filtered by its own properties', async (world) => {
    const eu = recorder({ topic: 'orders', group: 'g', ...EU });
    const us = recorder({ topic: 'orders', group: 'g', ...US });
    const { template } = await world.start(eu, us);
    const each = (region: string) => ({ properties: { region } });
    await world.passing(template.batch('orders', ['eu', 'us', 'asia', 'eu'], { each }));
    await eu.got(world, 2);
    await us.got(world, 1);
    await world.pass(3_000);
    assert.deepEqual([eu.payloads, us.payloads], [['eu', 'eu'], ['us']]);
  });

  it('a delayed message is filtered when it is due, by the properties that it was sent with', async (world) => {
    const eu = recorder({ topic: 'orders', ...EU });
    const { template } = await world.start(eu);
    for (const region of ['eu', 'us'])
      await world.passing(template.delay('orders', region, '20s', { properties: { region } }));
    await world.pass(19_000);
    assert.deepEqual(eu.payloads, []);
    await world.pass(20_000);
    assert.deepEqual(eu.payloads, ['eu']);
  });

  it('a transaction is filtered when it is committed', async (world) => {
    const eu = recorder({ topic: 'orders', ...EU });
    const ledger = new Ledger('create', ({ payload }) =>
      payload === 'no' ? TransactionState.ROLLBACK : TransactionState.COMMIT,
    );
    const { template } = await world.start(ledger.listenerClass, eu);
    for (const [payload, region] of [
      ['yes', 'eu'],
      ['no', 'eu'],
      ['other', 'us'],
    ] as const) {
      await world.passing(template.transaction('orders', payload, 'create', { properties: { region } }));
    }
    await eu.got(world, 1);
    await world.pass(60_000);
    assert.deepEqual(eu.payloads, ['yes']);
  });

  it('an orderly listener gets what it wants in the order of the key', async (world) => {
    const eu = recorder({ topic: 'orders', mode: ConsumeMode.ORDERLY, ...EU });
    const { template } = await world.start(eu);
    for (let n = 0; n < 8; n++) {
      await world.passing(
        template.sendOrderly('orders', n, 'k', { properties: { region: n % 2 === 0 ? 'eu' : 'us' } }),
      );
    }
    await eu.got(world, 4);
    await world.pass(3_000);
    assert.deepEqual(eu.payloads, [0, 2, 4, 6]);
  });

  it('a broadcast listener gets what it wants, in every instance', async (world) => {
    const one = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.BROADCAST, ...EU });
    const two = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.BROADCAST, ...EU });
    const { template } = await world.start(one);
    await world.start(two);
    for (const region of ['us', 'eu'])
      await world.passing(template.syncSend('orders', region, { properties: { region } }));
    await one.got(world, 1);
    await two.got(world, 1);
    await world.pass(3_000);
    assert.deepEqual([one.payloads, two.payloads], [['eu'], ['eu']]);
  });

  it('a retry comes back to the listener whose condition it fulfils', async (world) => {
    const eu = recorder({ topic: 'orders', group: 'g', backoff: [100], ...EU }, (_p, _c, { attempt }) => {
      if (attempt < 3) throw new Error('again');
    });
    const us = recorder({ topic: 'orders', group: 'g', ...US });
    const { template } = await world.start(eu, us);
    await world.passing(template.syncSend('orders', 'x', { properties: { region: 'eu' } }));
    await eu.got(world, 3);
    assert.deepEqual([eu.attempts, us.payloads], [[1, 2, 3], []]);
  });

  it('a retry is still for the only listener of its topic when a new release filters otherwise', async (world) => {
    const old = recorder({ topic: 'orders', group: 'g', backoff: [60_000], ...EU }, () => {
      throw new Error('again');
    });
    const before = await world.start(old);
    await world.passing(before.template.syncSend('orders', 'x', { properties: { region: 'eu' } }));
    await old.got(world, 1);
    await world.pass(1_000);
    await before.close();
    const next = recorder({ topic: 'orders', group: 'g', ...US });
    await world.start(next);
    await next.got(world, 1, 120_000);
    assert.deepEqual(next.attempts, [2]);
  });

  it('a retry that no listener of the group wants any more is a dead letter that says so', async (world) => {
    const old = recorder({ topic: 'orders', tag: 'a', group: 'g', backoff: [60_000] }, () => {
      throw new Error('again');
    });
    const before = await world.start(old);
    await world.passing(before.template.syncSend('orders:a', 'x'));
    await old.got(world, 1);
    await world.pass(1_000);
    await before.close();
    const next = recorder({ topic: 'orders', tag: 'b', group: 'g' });
    const letters = deadLettersOf('g');
    await world.start(next, letters);
    await letters.got(world, 1, 120_000);
    assert.match(reasonOf(letters).message, /No listener of the group is left/);
    assert.deepEqual(next.payloads, []);
  });

  it.needing(['restart'], 'what a filter leaves out is behind the group, also after a crash', async (world) => {
    const eu = recorder({ topic: 'orders', group: 'g', ...EU });
    const { template } = await world.start(eu);
    for (let n = 0; n < 10; n++) await world.passing(template.syncSend('orders', n, { properties: { region: 'us' } }));
    await world.passing(template.syncSend('orders', 'eu', { properties: { region: 'eu' } }));
    await eu.got(world, 1);
    await world.pass(20_000);
    await world.crash();
    // All that is left is what the group has not passed yet.
    const rest = recorder({ topic: 'orders', group: 'g' });
    await world.start(rest);
    await world.pass(30_000);
    assert.deepEqual(rest.payloads, []);
  });

  it('a waiting listener is not kept from its messages by thousands that it does not want', async (world) => {
    const rare = recorder({ topic: 'orders', selector: 'n = 1999' });
    const { template } = await world.start(rare);
    for (let part = 0; part < 10; part++) {
      const numbers = Array.from({ length: 200 }, (_, n) => part * 200 + n);
      await world.passing(template.batch('orders', numbers, { each: (n) => ({ properties: { n: String(n) } }) }));
    }
    await rare.got(world, 1, 5_000);
    assert.deepEqual(rare.payloads, [1999]);
  });

  it('the registry says by what a listener filters', async (world) => {
    const headers = { match: 'any' as const, properties: { vip: true as const } };
    const { listeners } = await world.start(
      recorder({ topic: 'orders', group: 'a', ...EU }),
      recorder({ topic: 'orders', group: 'b', tag: 'x.*', headers }),
    );
    const shown = listeners.list().map(({ tag, selector, headers: shownHeaders }) => [tag, selector, shownHeaders]);
    // Texts, since what the registry shows is a copy.
    assert.equal(
      JSON.stringify(shown),
      JSON.stringify([
        ['*', EU.selector, undefined],
        ['x.*', undefined, headers],
      ]),
    );
  });

  it('a broker whose sqlFilters is off refuses selectors at boot, and takes wildcards and headers', async (world) => {
    const options = { broker: { sqlFilters: false } };
    await rejects(world.start({ options }, recorder({ topic: 'orders', ...EU })), 'CONFIGURATION', /sqlFilters/);
    const words = recorder({ topic: 'orders', tag: 'order.#' });
    const { template } = await world.start({ options }, words);
    await world.passing(template.syncSend('orders:order.paid', 'x'));
    await words.got(world, 1);
  });
});
