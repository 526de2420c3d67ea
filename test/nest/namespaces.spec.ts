import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type LocalTransaction,
  MessageContext,
  MessageListener,
  MessagingModule,
  type MessagingConnectionOptions,
  RejectMessageError,
  TransactionListener,
  TransactionMessage,
  TransactionState,
} from '../../lib/index.js';
import { BrokerHost } from '../../lib/server/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { MessagingTestKit } from '../../lib/testing.js';
import { MessagingTemplate } from '../../lib/nest/template/index.js';
import { closeApplications, startApplication } from './support/application.js';

@Injectable()
class Orders {
  @MessageListener({ topic: 'orders', group: 'billing' })
  bill(order: { id: number }, context: MessageContext): string {
    if (order.id < 0) throw new RejectMessageError('no such order');
    return `${context.message.topic} ${context.group} ${order.id}`;
  }
}

@Injectable()
@TransactionListener('book')
class Book implements LocalTransaction {
  readonly seen: string[] = [];
  execute({ topic }: TransactionMessage): TransactionState {
    this.seen.push(`execute ${topic}`);
    return TransactionState.UNKNOWN;
  }
  check({ topic }: TransactionMessage): TransactionState {
    this.seen.push(`check ${topic}`);
    return TransactionState.COMMIT;
  }
}

const kits: MessagingTestKit[] = [];
function newKit(): MessagingTestKit {
  const kit = new MessagingTestKit();
  kits.push(kit);
  return kit;
}
function application(name: string, namespace?: string, more: MessagingConnectionOptions = {}) {
  return { imports: [MessagingModule.forRoot({ application: name, namespace, ...more })], providers: [Orders, Book] };
}

afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
  await closeApplications();
});

describe('applications in namespaces', () => {
  it('use the same names on one broker and do not meet', async () => {
    const kit = newKit();
    const shop = await kit.start(application('shop', 'shop'));
    const office = await kit.start(application('office', 'office'));
    const plain = await kit.start(application('plain'));
    for (const [id, app] of [shop, office, plain].entries())
      await kit.template('default', app).syncSend('orders', { id });
    await kit.settled();
    expect(kit.consumed('orders').map(({ application: name, payload, topic }) => [name, payload, topic])).toEqual([
      ['shop', { id: 0 }, 'orders'],
      ['office', { id: 1 }, 'orders'],
      ['plain', { id: 2 }, 'orders'],
    ]);
  });

  it('requests, transactions and dead letters keep their names', async () => {
    const kit = newKit();
    const shop = await kit.start(application('shop', 'shop'));
    await kit.start(application('plain'));
    const messaging = kit.template('default', shop);
    expect(await messaging.request('orders', { id: 7 })).toBe('orders billing 7');
    await messaging.transaction('orders', { id: 8 }, 'book');
    await kit.advance('10s');
    expect(shop.get(Book).seen).toEqual(['execute orders', 'check orders']);
    await messaging.syncSend('orders', { id: -1 });
    await kit.settled();
    expect(kit.deadLettered('billing')).toMatchObject([
      { broker: 'shop%default', topic: 'orders', payload: { id: -1 } },
    ]);
    expect(kit.deadLettered()).toHaveLength(1);
    expect(kit.consumed('orders', { application: 'plain' })).toEqual([]);
  });

  it('a redelivered message comes again inside its namespace', async () => {
    const kit = newKit();
    await kit.start(application('shop', 'shop'));
    await kit.start(application('plain'));
    await kit.template().syncSend('orders', { id: 1 });
    await kit.settled();
    await kit.redeliver(kit.sent('orders')[0]!);
    await kit.redeliver(kit.consumed('orders')[0]!, { group: 'billing' });
    await kit.settled();
    expect(kit.consumed('orders').map(({ application: name }) => name)).toEqual(['shop', 'shop', 'shop']);
  });

  it('meet over TCP when they share one, and name their topics by it', async () => {
    const host = await BrokerHost.start({ memory: true, listen: 0 }, systemPlatform({ logger: silentLogger }));
    try {
      const start = (name: string, namespace: string, providers: (typeof Orders)[]) =>
        startApplication({
          messaging: { application: name, namespace, nameServer: host.address, broker: undefined },
          providers,
        });
      await start('listener', 'shop', [Orders]);
      const asker = await start('asker', 'shop', []);
      const stranger = await start('stranger', 'office', []);
      expect(await asker.get(MessagingTemplate).request('orders', { id: 3 })).toBe('orders billing 3');
      await expect(
        stranger.get(MessagingTemplate).request('orders', { id: 3 }, { timeout: 100 }),
      ).rejects.toMatchObject({
        code: 'TIMEOUT',
      });
      const names = host.topics().map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['shop%orders', '%RETRY%shop%billing']));
      expect(names).not.toContain('orders');
    } finally {
      await closeApplications();
      await host.stop();
    }
  });

  it('the topics of the broker inside belong to it, unless they name another', async () => {
    const topics = ['many', { name: 'orders', queues: 7 }, 'office%orders'];
    const app = await startApplication({
      messaging: { namespace: 'shop', broker: { memory: true, topics } },
      providers: [Orders],
    });
    const messaging = app.get(MessagingTemplate);
    const queues = new Set<number>();
    for (let id = 0; id < 7; id++) queues.add((await messaging.syncSend('orders', { id })).queueId);
    expect(queues.size).toBe(7);
  });

  it.each([
    ['a namespace that is no name', { namespace: 'a%b' }, /namespace must be a name of letters/],
    ['a namespace of nothing', { namespace: '' }, /namespace must be/],
  ])('%s is refused', async (_what, messaging, message) => {
    await expect(startApplication({ messaging })).rejects.toThrow(message);
  });

  it('a group that does not fit with it is refused, naming the listener', async () => {
    class Long {
      @MessageListener({ topic: 'x', group: 'g'.repeat(116) })
      handle(): void {}
    }
    const started = startApplication({ messaging: { namespace: 'shop' }, providers: [Long] });
    await expect(started).rejects.toThrow(/Long\.handle: The group .* 115 are allowed beside the namespace shop/);
  });
});
