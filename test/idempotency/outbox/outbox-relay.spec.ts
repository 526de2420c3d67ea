import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OutboxRelay, RELAY_DEFAULTS, SqlOutbox } from '../../../lib/idempotency/index.js';
import { silentLogger, VirtualClock } from '../../../lib/platform/index.js';
import { MessagingError } from '../../../lib/protocol/index.js';
import { FakeProducer, message, TestDatabase, type TestTransaction } from './support.js';

const unreachable = new MessagingError('CONNECT_FAILED', 'nobody there');
const forbidden = new MessagingError('NO_PERMISSION', 'not to this topic');

describe('the relay of an outbox', () => {
  let database: TestDatabase;
  let outbox: SqlOutbox<TestTransaction>;
  let producer: FakeProducer;
  let clock: VirtualClock;
  let relays: OutboxRelay[];
  const errors: string[] = [];

  beforeEach(() => {
    database = new TestDatabase();
    outbox = new SqlOutbox(database);
    producer = new FakeProducer();
    clock = new VirtualClock();
    relays = [];
    errors.length = 0;
  });

  afterEach(async () => {
    const stopped = Promise.all(relays.map((relay) => relay.stop(1000)));
    await clock.advance(1000);
    await stopped;
    database.close();
  });

  function relay(options: Partial<typeof RELAY_DEFAULTS> = {}, by: FakeProducer = producer): OutboxRelay {
    const logger = { ...silentLogger, error: (text: string) => errors.push(text) };
    const made = new OutboxRelay({ outbox, producer: by, clock, logger }, { ...RELAY_DEFAULTS, ...options });
    relays.push(made);
    made.start();
    return made;
  }

  function write(...messages: ReturnType<typeof message>[]): Promise<string[]> {
    return database.transaction((transaction) => outbox.write(transaction, messages));
  }

  /** The database measures its leases and pauses by its own clock. */
  function timePasses(): void {
    database.rows('UPDATE nestmq_outbox_lane SET lease_until = 0 RETURNING lane');
    database.rows(
      'UPDATE nestmq_outbox SET held_until = 0 WHERE failed_at IS NULL AND held_until IS NOT NULL RETURNING seq',
    );
  }

  it('sends what was committed, with the id of its row and as it was written', async () => {
    const written = message('paid', {
      tag: 'created',
      keys: ['o-1', 'c-7'],
      properties: { region: 'north', word: 'ä"\n' },
      contentType: 'json',
      shardingKey: 'customer 7',
      expiresAt: 1_800_000_000_000,
      delay: { deliverAt: 1_790_000_000_000 },
    });
    const [id] = await write(written);
    const { counters } = relay();
    await clock.advance(10);
    expect(producer.sent).toEqual([{ ...written, messageId: id }]);
    expect(database.rows('SELECT id FROM nestmq_outbox WHERE sent_at IS NOT NULL')).toEqual([{ id }]);
    expect(counters).toMatchObject({ sent: 1, resent: 0, failed: 0 });
    expect(await outbox.status()).toEqual({ waiting: 0, failed: 0, oldestAgeMillis: 0 });
  });

  it('never sends what was rolled back', async () => {
    relay();
    const lost = database.transaction(async (transaction) => {
      await outbox.write(transaction, [message('lost')]);
      throw new Error('the business refused');
    });
    await expect(lost).rejects.toThrow('the business refused');
    await clock.advance(60_000);
    expect(producer.sent).toEqual([]);
  });

  it('looks soon after a write of its own process, without waiting for the next poll', async () => {
    relay({ pollMillis: 60_000 });
    await clock.advance(1000);
    await write(message('now'));
    await clock.advance(50);
    expect(producer.bodies()).toEqual(['now']);
  });

  it('finds with its polls what another process wrote', async () => {
    relay({ pollMillis: 1000 });
    await clock.advance(1);
    const elsewhere = new SqlOutbox(database);
    await database.transaction((transaction) => elsewhere.write(transaction, [message('elsewhere')]));
    await clock.advance(900);
    expect(producer.sent).toEqual([]);
    await clock.advance(200);
    expect(producer.bodies()).toEqual(['elsewhere']);
  });

  it('keeps the rows of a key in order, in one lane, and spreads the others', async () => {
    await write(...Array.from({ length: 300 }, (_, n) => message(`k${n % 10} ${n}`, { shardingKey: `k${n % 10}` })));
    await write(...Array.from({ length: 300 }, (_, n) => message(`free ${n}`)));
    relay({ batchSize: 40, lanes: 4 });
    await clock.advance(1000);
    for (let key = 0; key < 10; key++) {
      const mine = producer.bodies().filter((body) => body.startsWith(`k${key} `));
      expect(mine).toEqual(Array.from({ length: 30 }, (_, n) => `k${key} ${n * 10 + key}`));
      expect(database.rows(`SELECT DISTINCT lane FROM nestmq_outbox WHERE order_key = 'k${key}'`)).toHaveLength(1);
    }
    expect(producer.sent).toHaveLength(600);
    expect(database.rows('SELECT DISTINCT lane FROM nestmq_outbox WHERE order_key IS NULL').length).toBeGreaterThan(40);
  });

  it('sends rows of one key together where the topic does not de-duplicate, and finds the one that is to blame', async () => {
    producer.failure = ({ body }) => (body.toString() === 'a7' ? forbidden : undefined);
    await write(message('first'));
    const { counters } = relay();
    await clock.advance(50);
    const ids = await write(...Array.from({ length: 10 }, (_, n) => message(`a${n}`, { shardingKey: 'a' })));
    await clock.advance(50);
    expect(producer.batches).toEqual([10]);
    expect(producer.bodies()).toEqual(['first', ...Array.from({ length: 7 }, (_, n) => `a${n}`)]);
    expect(await outbox.failed()).toMatchObject([{ id: ids[7], error: 'not to this topic' }]);
    await outbox.discardFailed([ids[7]!]);
    await clock.advance(1000);
    expect(producer.bodies().slice(-2)).toEqual(['a8', 'a9']);
    expect(producer.batches).toEqual([10, 2]);
    expect(counters).toMatchObject({ sent: 10, failed: 1 });
  });

  it('holds a key whose batch fails, and sends delayed rows on their own', async () => {
    await write(message('first'));
    relay();
    await clock.advance(50);
    producer.failure = () => unreachable;
    await write(
      ...Array.from({ length: 4 }, (_, n) =>
        message(`a${n}`, { shardingKey: 'a', delay: n === 2 ? { deliverAt: 1 } : undefined }),
      ),
    );
    await clock.advance(50);
    expect(producer.batches).toEqual([2]);
    expect(database.rows('SELECT attempts FROM nestmq_outbox WHERE held_until IS NOT NULL')).toEqual([{ attempts: 1 }]);
    producer.failure = () => undefined;
    timePasses();
    await clock.advance(6000);
    expect(producer.bodies()).toEqual(['first', 'a0', 'a1', 'a2', 'a3']);
  });

  it('holds what follows a row that fails with its key, and nobody else', async () => {
    producer.failure = ({ body }) => (body.toString() === 'a1' ? unreachable : undefined);
    await write(
      message('a1', { shardingKey: 'a' }),
      message('a2', { shardingKey: 'a' }),
      message('b1', { shardingKey: 'b' }),
      message('other topic', { topic: 'audit', shardingKey: 'a' }),
      message('free'),
    );
    const { counters } = relay();
    await clock.advance(5000);
    await write(message('a3', { shardingKey: 'a' }), message('b2', { shardingKey: 'b' }));
    await clock.advance(5000);
    expect(producer.bodies().toSorted()).toEqual(['b1', 'b2', 'free', 'other topic']);
    expect((await outbox.status()).waiting).toBe(3);
    producer.failure = () => undefined;
    timePasses();
    await clock.advance(5000);
    expect(producer.bodies().filter((body) => body.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(counters).toMatchObject({ sent: 7, resent: 1 });
  });

  it('takes no more bytes at a time than a process can bear', async () => {
    const big = Buffer.alloc(3 * 1024 * 1024, 'x').toString();
    await write(...Array.from({ length: 6 }, () => message(big, { shardingKey: 'a' })));
    const taken: number[] = [];
    for (;;) {
      const { lanes, rows } = await outbox.claim('me', 1000, 64, 500);
      if (rows.length === 0) break;
      taken.push(rows.length);
      await outbox.settle('me', lanes, { sent: rows.map(({ seq }) => seq), held: [], failed: [] });
    }
    expect(taken).toEqual([3, 3]);
  });

  it('does not let rows that wait for a broker hide those behind them', async () => {
    producer.failure = ({ topic }) => (topic === 'away' ? unreachable : undefined);
    await write(...Array.from({ length: 50 }, (_, n) => message(`away ${n}`, { topic: 'away' })));
    await write(message('here'));
    relay({ batchSize: 10, lanes: 64 });
    await clock.advance(60_000);
    expect(producer.bodies()).toEqual(['here']);
  });

  it('marks what can never be sent with the reason, and holds its key until somebody decides', async () => {
    producer.failure = ({ body }) => (body.toString() === 'a1' ? forbidden : undefined);
    const [first] = await write(
      message('a1', { shardingKey: 'a' }),
      message('a2', { shardingKey: 'a' }),
      message('b1', { shardingKey: 'b' }),
    );
    const { counters } = relay();
    await clock.advance(5000);
    timePasses();
    await clock.advance(5000);
    expect(producer.bodies()).toEqual(['b1']);
    expect(producer.attempts.filter(({ body }) => body.toString() === 'a1')).toHaveLength(1);
    expect(await outbox.failed()).toMatchObject([
      { id: first, topic: 'orders', orderKey: 'a', error: 'not to this topic' },
    ]);
    expect(errors).toEqual([expect.stringContaining(first!)]);
    expect(counters.failed).toBe(1);
    expect(await outbox.status()).toMatchObject({ waiting: 1, failed: 1 });

    producer.failure = () => undefined;
    expect(await outbox.retryFailed()).toBe(1);
    await clock.advance(5000);
    expect(producer.bodies()).toEqual(['b1', 'a1', 'a2']);
  });

  it('goes on with a key whose failed row was given up', async () => {
    producer.failure = ({ body }) => (body.toString() === 'a1' ? forbidden : undefined);
    const [first] = await write(message('a1', { shardingKey: 'a' }), message('a2', { shardingKey: 'a' }));
    relay();
    await clock.advance(5000);
    expect(await outbox.discardFailed(['of another', first!])).toBe(1);
    await clock.advance(5000);
    expect(producer.bodies()).toEqual(['a2']);
    expect(await outbox.failed()).toEqual([]);
  });

  it('leaves lanes to their owner until its lease is over, and then sends with the same ids again', async () => {
    let release!: () => void;
    producer.hold = new Promise((resolve) => (release = resolve));
    const ids = await write(message('a1', { shardingKey: 'a' }), message('a2', { shardingKey: 'a' }));
    const stalled = relay();
    await clock.advance(10);
    const second = new FakeProducer();
    const other = relay({}, second);
    await clock.advance(2000);
    expect(second.sent).toEqual([]);
    timePasses();
    await clock.advance(2000);
    expect(second.sent.map(({ messageId }) => messageId)).toEqual(ids);
    expect(other.counters).toMatchObject({ sent: 2, resent: 2, lanesTakenOver: 1 });
    // The first one wakes up after its lease: what it had begun goes out, and nothing else.
    await clock.advance(10_000);
    release();
    await clock.advance(10_000);
    expect(producer.sent.map(({ messageId }) => messageId)).toEqual([ids[0]]);
    expect(stalled.counters.sent).toBe(1);
  });

  it('lets no row be sent twice because the database was away when it was to be marked', async () => {
    let release!: () => void;
    producer.hold = new Promise((resolve) => (release = resolve));
    await write(message('once'));
    const { counters } = relay();
    await clock.advance(10);
    database.down = new Error('gone');
    release();
    await clock.advance(20_000);
    expect(counters.databaseFailures).toBeGreaterThan(1);
    database.down = undefined;
    await clock.advance(20_000);
    expect(producer.bodies()).toEqual(['once']);
    expect(await outbox.status()).toMatchObject({ waiting: 0 });
  });

  it('asks a broker that takes nothing less and less often, however much is written', async () => {
    producer.failure = () => unreachable;
    relay();
    for (let second = 0; second < 60; second++) {
      await write(message(`${second}`));
      timePasses();
      await clock.advance(1000);
    }
    const rounds = producer.attempts.filter(({ body }) => body.toString() === '0').length;
    expect(rounds).toBeGreaterThan(2);
    expect(rounds).toBeLessThan(25);
  });

  it('finishes what is under way when it is stopped, and begins nothing more', async () => {
    let release!: () => void;
    producer.hold = new Promise((resolve) => (release = resolve));
    await write(message('a1', { shardingKey: 'a' }), message('a2', { shardingKey: 'a' }));
    const stopped = relay().stop(5000);
    await clock.advance(10);
    release();
    await clock.advance(10);
    await stopped;
    const first = relays.pop();
    expect(first!.counters.sent).toBeLessThanOrEqual(1);
    expect((await outbox.status()).waiting).toBe(2 - first!.counters.sent);
    relay();
    await clock.advance(2000);
    expect(producer.bodies()).toEqual(['a1', 'a2']);
  });

  describe('and de-duplication', () => {
    it('sends the id as dedupId to topics that de-duplicate, and finds out which do with one message', async () => {
      producer.deduplicating = ['payments'];
      const ids = await write(
        ...Array.from({ length: 5 }, (_, n) => message(`p${n}`, { topic: 'payments' })),
        ...Array.from({ length: 5 }, (_, n) => message(`o${n}`)),
      );
      relay();
      await clock.advance(100);
      const payments = producer.sent.filter(({ topic }) => topic === 'payments');
      expect(payments.map(({ dedupId }) => dedupId).toSorted()).toEqual(ids.slice(0, 5).toSorted());
      expect(producer.sent.filter(({ topic }) => topic === 'orders').map(({ dedupId }) => dedupId)).toEqual(
        Array.from({ length: 5 }),
      );
      expect(producer.attempts).toHaveLength(11);
    });

    it('keeps an id of the application', async () => {
      producer.deduplicating = ['payments'];
      await write(message('p', { topic: 'payments', dedupId: 'invoice 17' }));
      relay();
      await clock.advance(100);
      expect(producer.sent[0]!.dedupId).toBe('invoice 17');
    });

    it('gives no ids to the broker of RocketMQ after the first message, which it ignores', async () => {
      producer.apache = true;
      await write(...Array.from({ length: 5 }, (_, n) => message(`${n}`)));
      relay();
      await clock.advance(100);
      expect(producer.attempts).toHaveLength(5);
      expect(producer.attempts.filter(({ dedupId }) => dedupId !== undefined)).toHaveLength(1);
    });

    it('notices within minutes that a topic de-duplicates now, or no longer', async () => {
      relay();
      await write(message('1'));
      await clock.advance(100);
      producer.deduplicating = ['orders'];
      await clock.advance(5 * 60_000);
      const [second] = await write(message('2'));
      await clock.advance(100);
      expect(producer.sent.at(-1)).toMatchObject({ dedupId: second });
      producer.deduplicating = [];
      await write(message('3'));
      await clock.advance(100);
      expect(producer.bodies()).toEqual(['1', '2', '3']);
    });
  });
});
