import assert from 'node:assert/strict';
import { ConsumeMode, TransactionListener, TransactionState } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { reasonOf } from '../dead-letters.js';
import { Ledger } from '../ledger.js';
import { recorder, type Recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const { COMMIT, ROLLBACK, UNKNOWN } = TransactionState;

function fails(): never {
  throw new Error('the database is away');
}

const orders = (): Recorder => recorder({ topic: 'orders', group: 'g', from: 'earliest' });

export const transactions = subject('transactions', (it) => {
  it('a committed message reaches its listeners, and the result says so', async (world) => {
    const ledger = new Ledger('create');
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    const result = await world.passing(template.transaction('orders:created', { id: 1 }, 'create'));
    await listener.got(world, 1);
    assert.equal(result.transactionState, COMMIT);
    assert.equal(result.transactionId, result.messageId);
    assert.deepEqual(listener.payloads, [{ id: 1 }]);
    const { message } = listener.deliveries[0]!;
    assert.deepEqual([message.messageId, message.topic, message.tag], [result.messageId, 'orders', 'created']);
  });

  it('execute gets the message and the argument, before any listener gets the message', async (world) => {
    const listener = orders();
    const ledger = new Ledger('create', () => {
      assert.equal(listener.deliveries.length, 0);
      return COMMIT;
    });
    const { template } = await world.start(ledger.listenerClass, listener);
    const options = { arg: { user: 7 }, keys: 'order-1', properties: { origin: 'till' } };
    await world.passing(template.transaction('orders:created', { id: 1 }, 'create', options));
    await listener.got(world, 1);
    const [{ message, arg }] = ledger.executed as [(typeof ledger.executed)[0]];
    assert.deepEqual(message.payload, { id: 1 });
    assert.deepEqual(arg, { user: 7 });
    assert.deepEqual([message.topic, message.tag, [...message.keys]], ['orders', 'created', ['order-1']]);
    assert.equal(message.transactionId, listener.deliveries[0]!.message.messageId);
    assert.deepEqual({ ...listener.deliveries[0]!.message.properties }, { origin: 'till' });
  });

  it('a message that is rolled back is never seen, and never asked about', async (world) => {
    const ledger = new Ledger('create', () => ROLLBACK);
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    const result = await world.passing(template.transaction('orders', 'x', 'create'));
    await world.pass(120_000);
    assert.equal(result.transactionState, ROLLBACK);
    assert.equal(listener.deliveries.length, 0);
    assert.equal(ledger.checked.length, 0);
  });

  it('nobody sees a message while its transaction is open', async (world) => {
    const ledger = new Ledger(
      'create',
      () => UNKNOWN,
      () => UNKNOWN,
    );
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.pass(60_000);
    assert.equal(listener.deliveries.length, 0);
  });

  it('a local transaction may take its time', async (world) => {
    let end = (_state: TransactionState): void => {};
    const ledger = new Ledger('create', () => new Promise<TransactionState>((resolve) => (end = resolve)));
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    const sent = template.transaction('orders', 'x', 'create');
    await world.until(() => ledger.executed.length === 1, 'execute');
    assert.equal(listener.deliveries.length, 0);
    end(COMMIT);
    await world.passing(sent);
    await listener.got(world, 1);
  });

  it('UNKNOWN is asked about after 6 s, and committed when the check says so', async (world) => {
    const ledger = new Ledger('create', () => UNKNOWN);
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    const result = await world.passing(template.transaction('orders', { id: 1 }, 'create'));
    assert.equal(result.transactionState, UNKNOWN);
    await world.pass(5_900);
    assert.equal(ledger.checked.length, 0);
    await world.pass(200);
    assert.equal(ledger.checked.length, 1);
    await listener.got(world, 1, 1000);
    assert.equal(ledger.checked[0]!.transactionId, result.transactionId);
    assert.deepEqual(ledger.checked[0]!.payload, { id: 1 });
    assert.equal(ledger.checked[0]!.topic, 'orders');
  });

  it('a check that says ROLLBACK ends it', async (world) => {
    const ledger = new Ledger(
      'create',
      () => UNKNOWN,
      () => ROLLBACK,
    );
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.pass(120_000);
    assert.equal(ledger.checked.length, 1);
    assert.equal(listener.deliveries.length, 0);
  });

  it.rows(
    'what execute throws, or returns of no meaning, leaves the outcome to the check',
    ['throws', 'nonsense'],
    async (world, how) => {
      const ledger = new Ledger('create', how === 'throws' ? fails : () => 'MAYBE');
      const listener = recorder({ topic: 'orders', group: how, from: 'latest' });
      const { template, close } = await world.start(ledger.listenerClass, listener);
      const result = await world.passing(template.transaction('orders', 'x', 'create'));
      assert.equal(result.transactionState, UNKNOWN);
      await listener.got(world, 1);
      assert.equal(ledger.checked.length, 1);
      await close();
    },
  );

  it('a check that throws is asked again 30 s later', async (world) => {
    const ledger = new Ledger('create', () => UNKNOWN, fails);
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.pass(6_100);
    assert.equal(ledger.checked.length, 1);
    await world.pass(29_800);
    assert.equal(ledger.checked.length, 1);
    ledger.check = () => COMMIT;
    await world.pass(300);
    assert.equal(ledger.checked.length, 2);
    await listener.got(world, 1, 1000);
  });

  it('after 15 checks it goes to the transaction dead letters, with the reason', async (world) => {
    const ledger = new Ledger(
      'create',
      () => UNKNOWN,
      () => UNKNOWN,
    );
    const listener = orders();
    const letters = recorder({ topic: 'TRANS_CHECK_MAX_TIME_TOPIC', group: 'undertaker', from: 'earliest' });
    const { template } = await world.start(ledger.listenerClass, listener, letters);
    await world.passing(template.transaction('orders', { id: 1 }, 'create'));
    await letters.got(world, 1, 3_600_000);
    assert.equal(ledger.checked.length, 15);
    assert.equal(listener.deliveries.length, 0);
    assert.deepEqual(letters.payloads, [{ id: 1 }]);
    assert.match(reasonOf(letters).message, /asked 15 times/);
    assert.equal(letters.deliveries[0]!.message.systemProperty('NESTMQ_DLQ_TOPIC'), 'orders');
    await world.pass(600_000);
    assert.equal(ledger.checked.length, 15);
  });

  it('while no member of the producer group is there, checks do not count', async (world) => {
    const ledger = new Ledger('create', () => UNKNOWN);
    const first = await world.start(ledger.listenerClass);
    await world.passing(first.template.transaction('orders', 'x', 'create'));
    await first.close();
    await world.pass(1_800_000);
    const later = new Ledger('create');
    const listener = orders();
    await world.start(later.listenerClass, listener);
    await listener.got(world, 1);
    assert.equal(ledger.checked.length, 0);
    assert.equal(later.checked.length, 1);
  });

  it('nobody can listen to half messages', async (world) => {
    await rejects(
      world.start(recorder({ topic: 'RMQ_SYS_TRANS_HALF_TOPIC', group: 'spy' })),
      'CONFIGURATION',
      /read by the broker only/,
    );
  });

  it('another member of the group answers the check when the sender has gone', async (world) => {
    const ledger = new Ledger('create', () => UNKNOWN);
    const sender = await world.start(ledger.listenerClass);
    const other = new Ledger('create');
    const listener = orders();
    await world.start(other.listenerClass, listener);
    await world.passing(sender.template.transaction('orders', 'x', 'create'));
    await sender.close();
    await listener.got(world, 1);
    assert.equal(other.checked.length, 1);
  });

  it('other applications are not asked', async (world) => {
    const ledger = new Ledger('create', () => UNKNOWN);
    const stranger = new Ledger('create');
    const { template } = await world.start(ledger.listenerClass);
    await world.start(stranger.listenerClass, { application: 'other' });
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.pass(10_000);
    assert.equal(ledger.checked.length, 1);
    assert.equal(stranger.checked.length, 0);
  });

  it.needing(['restart'], 'an open transaction outlives a loss of power, and is asked about', async (world) => {
    const ledger = new Ledger('create', () => UNKNOWN);
    const { template } = await world.start(ledger.listenerClass);
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.crash();
    const later = new Ledger('create');
    const listener = orders();
    await world.start(later.listenerClass, listener);
    await listener.got(world, 1);
    await world.pass(120_000);
    assert.equal(later.checked.length, 1);
    assert.deepEqual(listener.payloads, ['x']);
  });

  it.needing(['restart'], 'what was committed is committed once, also over a loss of power', async (world) => {
    const ledger = new Ledger('create');
    const { template } = await world.start(ledger.listenerClass);
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.crash();
    const later = new Ledger('create');
    const listener = orders();
    await world.start(later.listenerClass, listener);
    await listener.got(world, 1);
    await world.pass(120_000);
    assert.equal(later.checked.length, 0);
    assert.deepEqual(listener.payloads, ['x']);
  });

  it.needing(['restart'], 'what was rolled back stays so over a restart', async (world) => {
    const ledger = new Ledger('create', () => ROLLBACK);
    const { template } = await world.start(ledger.listenerClass);
    await world.passing(template.transaction('orders', 'x', 'create'));
    await world.restart();
    const later = new Ledger('create');
    const listener = orders();
    await world.start(later.listenerClass, listener);
    await world.pass(120_000);
    assert.equal(later.checked.length + listener.deliveries.length, 0);
  });

  it.needing(['restart'], 'checks are counted over restarts', async (world) => {
    let asked = 0;
    const forgetful = (): Ledger =>
      new Ledger(
        'create',
        () => UNKNOWN,
        () => {
          asked++;
          return UNKNOWN;
        },
      );
    const first = await world.start(forgetful().listenerClass);
    await world.passing(first.template.transaction('orders', 'x', 'create'));
    for (let n = 0; n < 4; n++) {
      await world.pass(100_000);
      await world.crash();
      await world.start(forgetful().listenerClass);
    }
    await world.pass(1_000_000);
    assert.equal(asked, 15);
  });

  it('with a key committed messages are in order with each other', async (world) => {
    const ledger = new Ledger('create');
    const listener = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.ORDERLY });
    const { template } = await world.start(ledger.listenerClass, listener);
    const queues = new Set<number>();
    for (let n = 0; n < 20; n++) {
      await world.passing(template.transaction('orders', n, 'create', { key: 'customer-7' }));
    }
    await listener.got(world, 20);
    for (const { message } of listener.deliveries) queues.add(message.queueId);
    assert.deepEqual(
      listener.payloads,
      Array.from({ length: 20 }, (_, n) => n),
    );
    assert.equal(queues.size, 1);
  });

  it('a committed message passes tag filters and is retried like any other', async (world) => {
    const ledger = new Ledger('create');
    const paid = recorder({ topic: 'orders', tag: 'paid', group: 'paid', backoff: [50] }, (_p, _c, { attempt }) => {
      if (attempt === 1) fails();
    });
    const created = recorder({ topic: 'orders', tag: 'created', group: 'created' });
    const { template } = await world.start(ledger.listenerClass, paid, created);
    await world.passing(template.transaction('orders:paid', 'x', 'create'));
    await paid.got(world, 2);
    await world.pass(5000);
    assert.equal(created.deliveries.length, 0);
    assert.deepEqual(paid.attempts, [1, 2]);
  });

  it('many transactions at once end each in its own way', async (world) => {
    const ledger = new Ledger('create', (message) => ((message.payload as number) % 2 === 0 ? COMMIT : ROLLBACK));
    const listener = orders();
    const { template } = await world.start(ledger.listenerClass, listener);
    const sent = Array.from({ length: 100 }, (_, n) => template.transaction('orders', n, 'create'));
    await world.passing(Promise.all(sent));
    await listener.got(world, 50);
    await world.pass(60_000);
    assert.equal(listener.deliveries.length, 50);
    assert.ok(listener.payloads.every((n) => (n as number) % 2 === 0));
  });

  it('two transactions of one application have nothing to do with each other', async (world) => {
    const create = new Ledger('create', () => UNKNOWN);
    const cancel = new Ledger(
      'cancel',
      () => UNKNOWN,
      () => ROLLBACK,
    );
    const listener = orders();
    const { template } = await world.start(create.listenerClass, cancel.listenerClass, listener);
    await world.passing(template.transaction('orders', 'created', 'create'));
    await world.passing(template.transaction('orders', 'cancelled', 'cancel'));
    await listener.got(world, 1);
    await world.pass(60_000);
    assert.deepEqual(listener.payloads, ['created']);
    assert.deepEqual([create.checked.length, cancel.checked.length], [1, 1]);
  });

  it('what could not be stored executes nothing', async (world) => {
    const ledger = new Ledger('create');
    const { template } = await world.start(ledger.listenerClass, { options: { broker: { autoCreateTopics: false } } });
    await rejects(world.passing(template.transaction('nowhere', 'x', 'create')), 'TOPIC_NOT_FOUND', /nowhere/);
    assert.equal(ledger.executed.length, 0);
  });

  it('an unknown transaction is refused, naming those that there are', async (world) => {
    const { template } = await world.start(new Ledger('create').listenerClass);
    await rejects(
      world.passing(template.transaction('orders', 'x', 'creates')),
      'CONFIGURATION',
      /"creates".*known: create/,
    );
  });

  it.rows(
    'options that a transaction cannot keep are refused',
    [{ delay: 5 }, { key: '' }, { level: 1 }],
    async (world, options) => {
      const { template, close } = await world.start(new Ledger('create').listenerClass);
      await rejects(template.transaction('orders', 'x', 'create', options as never), 'BAD_ARGUMENT', /transaction/);
      await close();
    },
  );

  it('two listeners for one transaction are refused at boot', async (world) => {
    await rejects(
      world.start(new Ledger('create').listenerClass, new Ledger('create').listenerClass),
      'CONFIGURATION',
      /create has two listeners/,
    );
  });

  it('a listener without check is refused at boot', async (world) => {
    class Half {
      execute(): TransactionState {
        return COMMIT;
      }
    }
    TransactionListener('create')(Half);
    await rejects(world.start(Half), 'CONFIGURATION', /must have the method check/);
  });

  it('the broker may be told other times', async (world) => {
    const ledger = new Ledger(
      'create',
      () => UNKNOWN,
      () => UNKNOWN,
    );
    const letters = recorder({ topic: 'TRANS_CHECK_MAX_TIME_TOPIC', group: 'undertaker', from: 'earliest' });
    const transactions = { timeoutMillis: 500, checkIntervalMillis: 1000, checkMax: 2 };
    const { template } = await world.start(ledger.listenerClass, letters, { options: { broker: { transactions } } });
    await world.passing(template.transaction('orders', 'x', 'create'));
    await letters.got(world, 1, 4000);
    assert.equal(ledger.checked.length, 2);
  });
});
