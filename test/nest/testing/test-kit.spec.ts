import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import {
  ConsumeMode,
  MessageListener,
  MessagingModule,
  MessagingTemplate,
  type MessageContext,
  RejectMessageError,
  RetryLaterError,
} from '../../../lib/index.js';
import { MessagingTestingModule, MessagingTestKit } from '../../../lib/testing.js';
import { gate } from '../support/until.js';

interface Order {
  id: number;
  failures?: number;
}

@Injectable()
class Billing {
  constructor(private readonly messaging: MessagingTemplate) {}

  @MessageListener({ topic: 'orders', tag: 'created', group: 'billing', backoff: [1000, 5000], maxReconsumeTimes: 2 })
  async onOrder(order: Order, context: MessageContext): Promise<void> {
    if ((order.failures ?? 0) >= context.attempt) throw new Error(`attempt ${context.attempt} fails`);
    await this.messaging.syncSend('invoices', { order: order.id });
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { store: '/never/made' } })],
  providers: [Billing],
})
class ShopModule {}

const kits: MessagingTestKit[] = [];
async function create(...args: Parameters<typeof MessagingTestingModule.create>): Promise<MessagingTestKit> {
  const kit = await MessagingTestingModule.create(...args);
  kits.push(kit);
  return kit;
}
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

describe('the test kit', () => {
  it('shows what was sent and consumed once everything is settled', async () => {
    const kit = await create({ imports: [ShopModule] });
    const before = kit.now();
    await kit.template().syncSend('orders:created', { id: 7 }, { keys: 'order-7', properties: { origin: 'till' } });
    await kit.settled();
    expect(kit.sent('orders:created')).toMatchObject([
      { application: 'shop', topic: 'orders', tag: 'created', keys: ['order-7'], properties: { origin: 'till' } },
    ]);
    expect(kit.sent('orders')[0]?.payload).toEqual({ id: 7 });
    expect(kit.consumed('orders', { group: 'billing' })).toMatchObject([
      { listener: 'Billing.onOrder', payload: { id: 7 }, attempt: 1, outcome: 'acknowledged', error: undefined },
    ]);
    expect(kit.sent('invoices').map(({ payload }) => payload)).toEqual([{ order: 7 }]);
    expect(kit.consumed('orders:paid')).toEqual([]);
    expect(kit.now()).toEqual(before);
  });

  it('goes through retries at their times', async () => {
    const kit = await create({ imports: [ShopModule] });
    await kit.template().syncSend('orders:created', { id: 7, failures: 2 });
    await kit.settled();
    expect(kit.retried('orders')).toHaveLength(1);
    await kit.advance(999);
    expect(kit.consumed('orders')).toHaveLength(1);
    await kit.advance(1);
    expect(kit.consumed('orders').map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'retried'],
      [2, 'retried'],
    ]);
    await kit.advance('5s');
    expect(kit.consumed('orders', { outcome: 'acknowledged' })).toMatchObject([{ attempt: 3 }]);
    expect(kit.retried('orders')[0]?.error).toEqual(new Error('attempt 1 fails'));
    const times = kit.consumed('orders').map(({ settledAt }) => settledAt.getTime() - kit.now().getTime());
    expect(times).toEqual([-6000, -5000, 0]);
  });

  it('shows dead letters with their reason', async () => {
    const kit = await create({ imports: [ShopModule] });
    await kit.template().syncSend('orders:created', { id: 7, failures: 9 });
    await kit.advance('1m');
    expect(kit.consumed('orders').map(({ outcome }) => outcome)).toEqual(['retried', 'retried', 'dead-lettered']);
    expect(kit.deadLettered('billing')).toMatchObject([
      { topic: 'orders', tag: 'created', payload: { id: 7, failures: 9 }, attempts: 3, reason: 'attempt 3 fails' },
    ]);
    expect(kit.deadLettered('another')).toEqual([]);
    expect(kit.sent('invoices')).toEqual([]);
  });

  it('brings delayed messages when they are due', async () => {
    const kit = await create({ imports: [ShopModule] });
    await kit.template().delay('orders:created', { id: 1 }, '30m');
    await kit.template().delay('orders:created', { id: 2 }, { level: 3 });
    expect(kit.sent('orders').map(({ deliverAt, delayLevel }) => [deliverAt?.getTime(), delayLevel])).toEqual([
      [kit.now().getTime() + 1_800_000, undefined],
      [undefined, 3],
    ]);
    await kit.settled();
    expect(kit.consumed()).toEqual([]);
    await kit.advance('10s');
    expect(kit.consumed().map(({ payload }) => payload)).toEqual([{ id: 2 }]);
    await kit.advance(1_790_000 - 1);
    expect(kit.consumed()).toHaveLength(1);
    await kit.advance(1);
    expect(kit.consumed().map(({ payload }) => payload)).toEqual([{ id: 2 }, { id: 1 }]);
  });

  it('waits for handlers that wait for something real', async () => {
    const database = gate();
    @Injectable()
    class Slow {
      @MessageListener({ topic: 'orders', group: 'slow' })
      async onOrder(): Promise<void> {
        await database.opened;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    const kit = await create({ imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Slow] });
    await kit.template().syncSend('orders', 'x');
    setTimeout(() => database.open(), 5);
    await kit.settled();
    expect(kit.consumed('orders')).toMatchObject([{ outcome: 'acknowledged' }]);
  });

  it('says what is under way when it does not end', async () => {
    const never = gate();
    @Injectable()
    class Stuck {
      @MessageListener({ topic: 'orders', group: 'stuck' })
      onOrder(): Promise<void> {
        return never.opened;
      }
    }
    const kit = await create({ imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Stuck] });
    const { messageId } = await kit.template().syncSend('orders', 'x');
    await expect(kit.settled({ timeout: 30 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining(`Stuck.onOrder (group stuck) with message ${messageId} of orders, attempt 1`),
    });
    await expect(kit.advance('1s', { timeout: 30 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    never.open();
    await kit.settled();
    expect(kit.consumed()).toHaveLength(1);
  });

  it('closes although a handler never ends', async () => {
    @Injectable()
    class Stuck {
      @MessageListener({ topic: 'orders', group: 'stuck' })
      onOrder(): Promise<void> {
        return gate().opened;
      }
    }
    const kit = await create({ imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Stuck] });
    await kit.template().syncSend('orders', 'x');
    await kit.until(() => kit.sent('orders').length === 1);
    await kit.close();
  });

  it('has deliberate redelivery, to one group and to all', async () => {
    @Injectable()
    class Two {
      @MessageListener({ topic: 'orders', group: 'first' })
      first(): void {}
      @MessageListener({ topic: 'orders', group: 'second', mode: ConsumeMode.ORDERLY })
      second(): void {}
    }
    const kit = await create({ imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Two] });
    await kit.template().sendOrderly('orders:paid', { id: 1 }, 'customer-1', { keys: 'k', properties: { a: 'b' } });
    await kit.settled();
    const [sent] = kit.sent('orders');
    await kit.redeliver(sent!, { times: 2 });
    await kit.settled();
    expect(kit.consumed('orders', { group: 'first' })).toHaveLength(3);
    expect(kit.consumed('orders', { group: 'second' })).toHaveLength(3);
    const [delivered] = kit.consumed('orders', { group: 'second' });
    await kit.redeliver(delivered!, { group: 'second' });
    await kit.settled();
    expect(kit.consumed('orders', { group: 'first' })).toHaveLength(3);
    const all = kit.consumed('orders', { group: 'second' });
    expect(all).toHaveLength(4);
    expect(new Set(all.map(({ messageId }) => messageId))).toEqual(new Set([sent!.messageId]));
    for (const { message, payload, tag, attempt } of all) {
      expect([payload, tag, attempt, message.keys, message.properties.a]).toEqual([{ id: 1 }, 'paid', 1, ['k'], 'b']);
    }
  });

  it('lets sends fail, before and after the message is stored', async () => {
    const kit = await create({ imports: [ShopModule] });
    const messaging = kit.template();
    kit.failNextSend({ destination: 'orders', times: 2 });
    kit.failNextSend({ destination: 'orders', stored: true, error: 'TIMEOUT' });
    await messaging.syncSend('other', 'goes through');
    await expect(messaging.syncSend('orders:created', { id: 1 })).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    messaging.sendOneWay('orders:created', { id: 2 });
    await expect(messaging.syncSend('orders:created', { id: 3 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    await messaging.syncSend('orders:created', { id: 4 });
    await kit.settled();
    // In two queues, hence in no particular order.
    const ids = kit.consumed('orders').map(({ payload }) => (payload as Order).id);
    expect(ids.toSorted((a, b) => a - b)).toEqual([3, 4]);
    expect(kit.sent('orders', { failed: true })).toHaveLength(3);
  });

  it('retries a delivery whose send fails inside the handler', async () => {
    const kit = await create({ imports: [ShopModule] });
    kit.failNextSend({ destination: 'invoices', error: 'DISK_FULL' });
    await kit.template().syncSend('orders:created', { id: 1 });
    await kit.advance('1s');
    expect(kit.consumed('orders').map(({ outcome }) => outcome)).toEqual(['retried', 'acknowledged']);
    expect(kit.sent('invoices', { failed: false })).toHaveLength(1);
  });

  it('lets deliveries fail, before and after the handler', async () => {
    const kit = await create({ imports: [ShopModule] });
    kit.failNextDelivery({ group: 'billing' });
    kit.failNextDelivery({ listener: 'Billing.onOrder', afterHandler: true, error: new RetryLaterError(250) });
    await kit.template().syncSend('orders:created', { id: 1 });
    await kit.settled();
    expect(kit.sent('invoices')).toHaveLength(0);
    await kit.advance('1s');
    expect(kit.sent('invoices')).toHaveLength(1);
    await kit.advance(250);
    expect(kit.sent('invoices')).toHaveLength(2);
    kit.failNextDelivery({ error: new RejectMessageError('not for us') });
    await kit.template().syncSend('orders:created', { id: 2 });
    await kit.settled();
    expect(kit.deadLettered()).toMatchObject([{ group: 'billing', reason: 'not for us', payload: { id: 2 } }]);
  });

  it('shows a failure after which nothing is tried again', async () => {
    @Injectable()
    class Alarms {
      @MessageListener({ topic: 'alarms', group: 'phones', delivery: 'at-most-once' })
      ring(): void {
        throw new Error('nobody answers');
      }
    }
    const kit = await create({ imports: [ShopModule], providers: [Alarms] });
    await kit.template().syncSend('alarms', 1);
    await kit.advance('1h');
    expect(kit.consumed('alarms')).toMatchObject([{ outcome: 'failed', attempt: 1 }]);
    expect([kit.retried(), kit.deadLettered()]).toEqual([[], []]);
  });

  it('refuses what makes no sense', async () => {
    const kit = await create({ imports: [ShopModule] });
    expect(() => kit.failNextSend({ times: 0 })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    await expect(kit.advance('soon')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await kit.template().syncSend('orders', 1);
    await expect(kit.redeliver(kit.sent('orders')[0]!, { times: 1.5 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect(() => new MessagingTestKit({ startAt: new Date(Number.NaN) })).toThrow(/startAt/);
    expect(() => new MessagingTestKit({ unknown: 1 } as object)).toThrow(/unknown option/);
    await expect(kit.stopBroker('other')).rejects.toThrow(/no broker other; known: default/);
    expect(() => new MessagingTestKit().get(Billing)).toThrow(/has started no module/);
    const wrong = MessagingModule.forRoot({ broker: { listen: { host: '0.0.0.0' } } });
    await expect(create({ imports: [wrong] })).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });
});

describe('requests in the test kit', () => {
  it('have their reply, their error, or run out of virtual time by themselves', async () => {
    @Injectable()
    class Quotes {
      @MessageListener({ topic: 'quotes', tag: 'good', group: 'quotes' })
      async quote({ cents }: { cents: number }): Promise<number> {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return cents * 2;
      }
      @MessageListener({ topic: 'quotes', tag: 'bad', group: 'quotes' })
      refuse(): never {
        throw new Error('no such article');
      }
    }
    const kit = await create({ imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Quotes] });
    const before = kit.now();
    await expect(kit.template().request('quotes:good', { cents: 21 })).resolves.toBe(42);
    await expect(kit.template().request('quotes:bad', {})).rejects.toMatchObject({ code: 'REQUEST_FAILED' });
    await kit.settled();
    expect(kit.now()).toEqual(before);
    expect(kit.consumed('quotes').map(({ outcome }) => outcome)).toEqual(['acknowledged', 'failed']);
    await expect(kit.template().request('nobody', 1, { timeout: '1h' })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(kit.now().getTime() - before.getTime()).toBeGreaterThanOrEqual(3_600_000);
  });

  it('wait for nobody while the test moves time itself', async () => {
    const kit = await create({ imports: [ShopModule] });
    const pending = kit.template().request('nobody', 1, { timeout: '10m' });
    const failed = expect(pending).rejects.toMatchObject({ code: 'TIMEOUT' });
    const start = kit.now().getTime();
    await kit.advance('1m');
    expect(kit.now().getTime() - start).toBe(60_000);
    await kit.settled();
    expect(kit.now().getTime() - start).toBe(600_000);
    await failed;
  });
});
