import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type ModuleMetadata } from '@nestjs/common';
import {
  type LocalTransaction,
  MessageListener,
  MessagingModule,
  TransactionListener,
  TransactionState,
} from '../../../lib/index.js';
import { MessagingTestingModule, MessagingTestKit } from '../../../lib/testing.js';

const kits: MessagingTestKit[] = [];
async function create(...args: Parameters<typeof MessagingTestingModule.create>): Promise<MessagingTestKit> {
  const kit = await MessagingTestingModule.create(...args);
  kits.push(kit);
  return kit;
}
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

@Injectable()
class Billing {
  @MessageListener({ topic: 'orders', tag: 'created', group: 'billing' })
  onOrder(): void {}
}

describe('transactions in the test kit', () => {
  it('are journalled, awaited, and checked back when time advances', async () => {
    const outcomes: TransactionState[] = [TransactionState.UNKNOWN, TransactionState.COMMIT];
    @Injectable()
    @TransactionListener('create-order')
    class CreateOrder implements LocalTransaction {
      async execute(): Promise<TransactionState> {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return TransactionState.UNKNOWN;
      }
      check(): TransactionState {
        return outcomes.shift()!;
      }
    }
    const kit = await create({
      imports: [MessagingModule.forRoot({ application: 'shop' })],
      providers: [Billing, CreateOrder],
    });
    const result = await kit.template().transaction('orders:created', { id: 1 }, 'create-order');
    expect(result.transactionState).toBe('UNKNOWN');
    await kit.settled();
    expect(kit.sent('orders')).toMatchObject([{ transactionState: 'UNKNOWN', messageId: result.messageId }]);
    await kit.advance('30s');
    expect([kit.consumed('orders'), outcomes]).toEqual([[], ['COMMIT']]);
    await kit.advance('1m');
    expect(kit.consumed('orders')).toMatchObject([{ payload: { id: 1 }, outcome: 'acknowledged' }]);
    kit.failNextSend({ destination: 'orders' });
    await expect(kit.template().transaction('orders:created', 1, 'create-order')).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
  });
});

describe('transactions that nobody settles', () => {
  @Injectable()
  @TransactionListener('create-order')
  class CreateOrder implements LocalTransaction {
    execute(): TransactionState {
      return TransactionState.UNKNOWN;
    }
    check(): TransactionState {
      return TransactionState.UNKNOWN;
    }
  }
  const app = (application: string, namespace?: string): ModuleMetadata => ({
    imports: [
      MessagingModule.forRoot({
        application,
        namespace,
        broker: { transactions: { timeoutMillis: 5000, checkIntervalMillis: 60_000, checkMax: 3 } },
      }),
    ],
    providers: [CreateOrder],
  });

  it('are dead letters of their producer group', async () => {
    const kit = await create(app('shop'));
    await kit.template().transaction('orders:created', { id: 1 }, 'create-order', { keys: 'order-1' });
    await kit.advance('2m');
    expect(kit.deadLettered()).toEqual([]);
    await kit.advance('3m');
    const [letter, ...more] = kit.deadLettered('shop-create-order');
    expect(more).toEqual([]);
    expect(letter).toMatchObject({
      group: 'shop-create-order',
      topic: 'orders',
      tag: 'created',
      payload: { id: 1 },
      errorClass: 'TransactionUnresolved',
      attempts: 3,
    });
    expect(letter?.message.keys).toEqual(['order-1']);
    expect(letter?.reason).toContain('asked 3 times');
    expect(kit.consumed('orders')).toEqual([]);
  });

  it('are told apart by namespace', async () => {
    const kit = new MessagingTestKit();
    kits.push(kit);
    for (const namespace of [undefined, 'blue', 'green']) {
      const module = await kit.start(app('shop', namespace));
      await kit.template('default', module).transaction('orders', { of: namespace ?? 'none' }, 'create-order');
    }
    await kit.advance('10m');
    const seen = kit.deadLettered('shop-create-order').map((letter) => [letter.broker, letter.topic, letter.payload]);
    expect(seen).toEqual([
      ['default', 'orders', { of: 'none' }],
      ['blue%default', 'orders', { of: 'blue' }],
      ['green%default', 'orders', { of: 'green' }],
    ]);
  });
});

describe('a pull consumer in the test kit', () => {
  it('gets what is there at once, and waits in virtual time for what is not', async () => {
    const kit = await create({ imports: [MessagingModule.forRoot({ application: 'shop' })] });
    const messaging = kit.template();
    const puller = await messaging.pullConsumer<{ id: number }>({ group: 'nightly', topic: 'invoices' });
    const idsOf = (pulled: { payload: { id: number } }[]): number[] =>
      pulled.map(({ payload }) => payload.id).toSorted();
    for (const id of [1, 2, 3]) await messaging.syncSend('invoices', { id });
    await kit.settled();
    const first = await puller.poll();
    expect(idsOf(first)).toEqual([1, 2, 3]);
    for (const pulled of first) {
      const { id } = pulled.payload;
      if (id === 1) await puller.acknowledge(pulled);
      else if (id === 2) await puller.retryLater(pulled, '1h');
      else await puller.reject(pulled, 'no such order');
    }
    await kit.settled();
    expect(kit.deadLettered('nightly')).toMatchObject([{ payload: { id: 3 }, reason: 'no such order' }]);
    const nothing = puller.poll({ timeout: '30m' });
    await kit.advance('30m');
    expect(await nothing).toEqual([]);
    await kit.advance('30m');
    expect(idsOf(await puller.poll())).toEqual([2]);
  });
});
