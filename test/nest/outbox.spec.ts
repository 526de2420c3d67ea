import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sqlite from 'node-sqlite3-wasm';
import {
  Idempotent,
  type MessageContext,
  MessageListener,
  MessagingModule,
  type MessagingModuleOptions,
  MessagingTemplate,
  schema,
  type SqlAdapter,
  SqlInbox,
  SqlOutbox,
} from '../../lib/index.js';
import { sqliteAdapter } from '../../lib/idempotency/sql/sqlite/index.js';
import { MessagingHealthIndicator, MessagingHealthModule } from '../../lib/terminus.js';
import { MessagingMetrics, MessagingMetricsModule } from '../../lib/metrics.js';
import { MessagingTestKit } from '../../lib/testing.js';
import { closeApplications, createApplication, startApplication } from './support/application.js';
import { until } from './support/until.js';

type Database = InstanceType<typeof sqlite.Database>;

let database: Database;
let adapter: SqlAdapter<Database>;
let store: SqlOutbox<Database>;

beforeEach(() => {
  database = new sqlite.Database(':memory:');
  for (const statement of schema('sqlite')) database.exec(statement);
  adapter = sqliteAdapter(database);
  store = new SqlOutbox(adapter);
});
afterEach(async () => {
  await closeApplications();
  database.close();
});

const seen: { payload: unknown; context: MessageContext }[] = [];
beforeEach(() => void (seen.length = 0));

@Injectable()
class Shipping {
  @MessageListener('orders')
  onOrder(payload: unknown, context: MessageContext): void {
    seen.push({ payload, context });
  }
}

const quick = { pollInterval: 20 };

async function template(more: MessagingModuleOptions = {}): Promise<MessagingTemplate> {
  const messaging = { outbox: { store, relay: quick }, ...more };
  return (await startApplication({ providers: [Shipping], messaging })).get(MessagingTemplate);
}

function payloads(): unknown[] {
  return seen.map(({ payload }) => payload);
}

describe('template.outbox', () => {
  it('sends with every verb what the transaction commits, under the ids of the receipts', async () => {
    const messaging = await template();
    const ids = await adapter.transaction(async (transaction) => {
      const outbox = messaging.outbox(transaction);
      const one = await outbox.syncSend('orders:created', { n: 1 }, { keys: 'o-1', properties: { region: 'north' } });
      let two: string | undefined;
      const callbacks = { onSuccess: ({ id }: { id: string }) => void (two = id), onException: () => undefined };
      await outbox.asyncSend('orders', { n: 2 }, callbacks);
      await outbox.sendOneWay('orders', 'three');
      const four = await outbox.sendOrderly('orders', { n: 4 }, 'customer 7');
      const five = await outbox.delay('orders', { n: 5 }, 50);
      const six = await outbox.batch('orders', [{ n: 6 }, { n: 7 }], { each: ({ n }) => ({ tag: `t${n}` }) });
      return [one.id, two, four.id, five.id, ...six.map(({ id }) => id)];
    });
    await until(() => seen.length === 7, 'all seven');
    const messages = seen.map(({ context }) => context.message);
    expect(messages.map(({ messageId }) => messageId)).toEqual(expect.arrayContaining(ids as string[]));
    const first = messages.find(({ messageId }) => messageId === ids[0])!;
    expect(first).toMatchObject({ tag: 'created', keys: ['o-1'], properties: { region: 'north' } });
    expect(payloads()).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }, 'three', { n: 4 }, { n: 5 }, { n: 6 }]));
  });

  it('sends nothing of a transaction that is rolled back', async () => {
    const messaging = await template();
    const lost = adapter.transaction(async (transaction) => {
      await messaging.outbox(transaction).syncSend('orders', 'lost');
      throw new Error('no stock');
    });
    await expect(lost).rejects.toThrow('no stock');
    await adapter.transaction((transaction) => messaging.outbox(transaction).syncSend('orders', 'kept'));
    await until(() => seen.length > 0, 'the second');
    expect(payloads()).toEqual(['kept']);
  });

  it('counts delays and expiries from when they were written, and keeps the bytes of then', async () => {
    const messaging = await template({ outbox: { store, relay: false } });
    const before = Date.now();
    const bytes = Buffer.from('as written');
    await adapter.transaction(async (transaction) => {
      const outbox = messaging.outbox(transaction);
      await outbox.delay('orders', 'x', { level: 1 }, { expiresIn: '1m' });
      const written = outbox.syncSend('orders', bytes);
      bytes.fill(0);
      await written;
    });
    const [delayed, plain] = database.all('SELECT headers, body FROM nestmq_outbox ORDER BY seq');
    const { delay, expiresAt } = JSON.parse(delayed!.headers as string) as {
      delay: { deliverAt: number };
      expiresAt: number;
    };
    expect(delay.deliverAt - before).toBeGreaterThanOrEqual(1000);
    expect(delay.deliverAt - before).toBeLessThan(30_000);
    expect(expiresAt - before).toBeGreaterThanOrEqual(60_000);
    expect(Buffer.from(plain!.body as Uint8Array).toString()).toBe('as written');
  });

  it('refuses when it is written what could never be sent, and what a relay could not keep', async () => {
    const messaging = await template({ producer: { maxMessageBytes: 1000 } });
    await adapter.transaction(async (transaction) => {
      const outbox = messaging.outbox(transaction);
      const refused = async (code: string, send: () => Promise<unknown>): Promise<void> =>
        expect(send()).rejects.toMatchObject({ code });
      await refused('MESSAGE_TOO_LARGE', () => outbox.syncSend('orders', Buffer.alloc(1001)));
      await refused('NAME_INVALID', () => outbox.sendOneWay('or ders', 'x'));
      await refused('NO_PERMISSION', () => outbox.syncSend('%RETRY%group', 'x'));
      await refused('BAD_ARGUMENT', () => outbox.sendOrderly('orders', 'x', ''));
      await refused('BAD_ARGUMENT', () => outbox.delay('orders', 'x', 'soon'));
      await refused('BAD_ARGUMENT', () => outbox.delay('orders', 'x', '10s', { expiresIn: '5s' }));
      await refused('BAD_ARGUMENT', () => outbox.syncSend('orders', 'x', { timeout: 5 } as never));
      await refused('BAD_ARGUMENT', () => outbox.batch('orders', ['x'], { split: true } as never));
      await refused('BAD_ARGUMENT', () => outbox.batch('orders', []));
      await refused('BAD_ARGUMENT', () => outbox.asyncSend('orders', 'x', {} as never));
      await refused('PROPERTIES_INVALID', () =>
        outbox.syncSend('orders', 'x', { properties: { a: 'x'.repeat(31_650) } }),
      );
    });
    expect(database.all('SELECT * FROM nestmq_outbox')).toEqual([]);
  });

  it('calls back with a failure of the database', async () => {
    const messaging = await template({ outbox: { store, relay: false } });
    const failures: Error[] = [];
    await adapter.transaction(async (transaction) => {
      database.exec('DROP TABLE nestmq_outbox');
      const callbacks = { onSuccess: () => undefined, onException: (error: Error) => void failures.push(error) };
      await messaging.outbox(transaction).asyncSend('orders', 'x', callbacks);
    });
    expect(failures).toEqual([expect.objectContaining({ message: expect.stringContaining('nestmq_outbox') })]);
  });

  it('needs a transaction, and a connection with an outbox', async () => {
    const messaging = await template();
    for (const none of [undefined, null, 'tx']) {
      expect(() => messaging.outbox(none)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    }
    const without = (await startApplication({})).get(MessagingTemplate);
    expect(() => without.outbox({})).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }));
  });
});

describe('outbox and inbox in one transaction', () => {
  let attempts = 0;
  let failures = 0;

  @Injectable()
  class Booking {
    constructor(private readonly messaging: MessagingTemplate) {}

    @MessageListener({ topic: 'bookings', group: 'accounts', backoff: [10] })
    @Idempotent({ key: ({ keys }) => keys[0] })
    async book(amount: number, context: MessageContext): Promise<void> {
      attempts++;
      const transaction = context.transaction as Database;
      await adapter.within(transaction)('INSERT INTO booked (amount) VALUES ($1)', [amount]);
      await this.messaging.outbox(transaction).syncSend('orders', { booked: amount });
      if (failures-- > 0) throw new Error('killed before the commit');
    }
  }

  it('book a message once, and tell of it once, whatever fails and however often it comes', async () => {
    attempts = 0;
    failures = 2;
    database.exec('CREATE TABLE booked (amount INTEGER)');
    const idempotency = { store: new SqlInbox(adapter) };
    const messaging = { idempotency, outbox: { store, relay: quick } };
    const app = await startApplication({ providers: [Booking, Shipping], messaging });
    for (let copy = 0; copy < 5; copy++) {
      await app.get(MessagingTemplate).syncSend('bookings', 25, { keys: 'booking-1' });
    }
    await app.get(MessagingTemplate).syncSend('bookings', 7, { keys: 'booking-2' });
    await until(() => seen.length === 2, 'both');
    await until(() => database.all('SELECT seq FROM nestmq_outbox WHERE sent_at IS NULL').length === 0, 'the marks');
    expect(attempts).toBe(4);
    expect(database.all('SELECT amount FROM booked ORDER BY amount')).toEqual([{ amount: 7 }, { amount: 25 }]);
    expect(payloads()).toEqual(expect.arrayContaining([{ booked: 25 }, { booked: 7 }]));
    expect(database.all('SELECT seq FROM nestmq_outbox')).toHaveLength(2);
  });
});

describe('the outbox of a connection', () => {
  it.each([
    ['no store', {}, /store must be an SqlOutbox/],
    ['another store', { store: {} }, /store must be an SqlOutbox/],
    ['an unknown option', { store: true, relays: 1 }, /store must be|unknown option "relays"/],
    ['a relay of no kind', { relay: 'yes' }, /relay must be true, false or/],
    ['an unknown option of the relay', { relay: { poll: 1 } }, /unknown option "poll"; known: pollInterval/],
    ['no poll interval', { relay: { pollInterval: 0 } }, /pollInterval must be/],
    ['too many lanes', { relay: { lanes: 65 } }, /lanes must be a whole number from 1 to 64/],
    ['a short lease', { relay: { lease: '500ms' } }, /lease must be a second or more/],
    ['an empty batch', { relay: { batchSize: 0 } }, /batchSize must be/],
  ])('is refused at boot with %s', async (name, settings, words) => {
    const outbox = name.includes('store') ? settings : { store, ...settings };
    await expect(createApplication({ messaging: { outbox: outbox as never } })).rejects.toThrow(words);
  });

  it('is refused for two connections on one database', async () => {
    const second = MessagingModule.forRoot({ connection: 'second', broker: { memory: true }, outbox: { store } });
    await expect(createApplication({ imports: [second], messaging: { outbox: { store } } })).rejects.toThrow(
      /default and second have their outbox in the same database/,
    );
  });

  it('marks what is under way when the application closes, and leaves the rest to the next', async () => {
    const app = await startApplication({ providers: [Shipping], messaging: { outbox: { store, relay: quick } } });
    const messaging = app.get(MessagingTemplate);
    await adapter.transaction((transaction) =>
      messaging.outbox(transaction).batch(
        'orders',
        Array.from({ length: 50 }, (_, n) => n),
      ),
    );
    await app.close();
    const unsent = database.all('SELECT seq FROM nestmq_outbox WHERE sent_at IS NULL').length;
    expect(database.all('SELECT lane FROM nestmq_outbox_lane WHERE owner IS NOT NULL')).toEqual([]);
    await template();
    await until(() => database.all('SELECT seq FROM nestmq_outbox WHERE sent_at IS NULL').length === 0, 'the rest');
    expect(unsent).toBeLessThanOrEqual(50);
  });

  it('relays in the test kit as its time goes on', async () => {
    const kit = new MessagingTestKit();
    try {
      const imports = [MessagingModule.forRoot({ application: 'shop', outbox: { store } })];
      await kit.start({ imports, providers: [Shipping] });
      await adapter.transaction((transaction) => kit.template().outbox(transaction).syncSend('orders', 'kit'));
      await kit.advance('2s');
      expect(payloads()).toEqual(['kit']);
    } finally {
      await kit.close();
    }
  });

  it('shows in health and metrics what waits, and what cannot be sent', async () => {
    const app = await startApplication({
      providers: [Shipping],
      messaging: { outbox: { store, relay: quick } },
      imports: [MessagingHealthModule, MessagingMetricsModule.forRoot({})],
    });
    const messaging = app.get(MessagingTemplate);
    const health = app.get(MessagingHealthIndicator);
    await adapter.transaction((transaction) => messaging.outbox(transaction).syncSend('orders', 1));
    await until(() => seen.length === 1, 'the message');
    await until(() => database.all('SELECT seq FROM nestmq_outbox WHERE sent_at IS NULL').length === 0, 'its mark');
    expect(await health.isHealthy('mq')).toMatchObject({ mq: { status: 'up' } });
    const lines = async (): Promise<string[]> =>
      (await app.get(MessagingMetrics).metrics()).split('\n').filter((line) => /^\w*outbox/.test(line));
    expect(await lines()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/outbox_sent_total\{.*\} 1$/),
        expect.stringMatching(/outbox_waiting_rows\{.*\} 0$/),
      ]),
    );
    database.exec('UPDATE nestmq_outbox SET sent_at = NULL, failed_at = 1, held_until = 9007199254740991');
    expect(await health.isHealthy('mq')).toMatchObject({
      mq: {
        connections: { default: { status: 'degraded', problems: [expect.stringContaining('cannot be sent: 1')] } },
      },
    });
    expect(await lines()).toEqual(expect.arrayContaining([expect.stringMatching(/outbox_failed_rows\{.*\} 1$/)]));
  });
});
