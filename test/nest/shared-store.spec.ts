import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplication, Injectable, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type LocalTransaction,
  MessageListener,
  MessagingAdmin,
  MessagingModule,
  type MessagingModuleOptions,
  MessagingTemplate,
  RejectMessageError,
  TransactionListener,
  TransactionState,
} from '../../lib/index.js';
import { MessagingMetrics, MessagingMetricsModule } from '../../lib/metrics.js';
import { type BrokerAccess, ConnectionEnvironment } from '../../lib/nest/connection/index.js';
import type { ResolvedConnectionOptions } from '../../lib/nest/options/index.js';
import type { Platform } from '../../lib/platform/index.js';
import { SharedBroker } from '../../lib/server/index.js';
import { MessagingHealthIndicator, MessagingHealthModule } from '../../lib/terminus.js';
import { LogBook } from './support/application.js';
import { until } from './support/until.js';

/** Threads and stores start again here, on a machine that may have no processor to spare. */
jest.setTimeout(90_000);

/** An application that acts as a process of its own. */
class OtherProcess extends ConnectionEnvironment {
  constructor(readonly pid: number) {
    super();
  }

  override async openBroker({ broker }: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    const identity = { pid: this.pid, hostName: 'here', startedAt: 1 };
    const shared = await SharedBroker.open(broker, platform, identity);
    return {
      connector: shared.connector,
      get host() {
        return shared.host;
      },
      shared,
      close: () => shared.close(),
    };
  }
}

@Injectable()
class Prices {
  @MessageListener({ topic: 'prices', group: 'prices' })
  price(article: string): string {
    return `${article} costs 5`;
  }
}

@Injectable()
class Stock {
  @MessageListener({ topic: 'stock', group: 'stock' })
  stock(article: string): string {
    return `7 of ${article}`;
  }
}

@Injectable()
class Orders {
  readonly received: string[] = [];

  @MessageListener({ topic: 'orders', group: 'orders', from: 'earliest' })
  onOrder(order: string): void {
    if (order === 'bad') throw new RejectMessageError('bad');
    this.received.push(order);
  }
}

@Injectable()
@TransactionListener('place')
class Place implements LocalTransaction<string, undefined> {
  checks = 0;
  outcome: TransactionState = TransactionState.UNKNOWN;

  execute(): TransactionState {
    return this.outcome;
  }
  check(): TransactionState {
    this.checks++;
    return this.outcome;
  }
}

/** Asks until it is so. */
async function settled(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('applications in processes that share a store', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  let pid = 200_000;
  const start = async (
    messaging: MessagingModuleOptions,
    providers: Type[],
    logger: LogBook,
  ): Promise<{ app: INestApplication; pid: number; close: () => Promise<void> }> => {
    const environment = new OtherProcess(++pid);
    const imports = [
      MessagingModule.forRoot({ application: 'shop', ...messaging }),
      MessagingHealthModule,
      MessagingMetricsModule.forRoot(),
    ];
    const builder = Test.createTestingModule({ imports, providers });
    const module = await builder.overrideProvider(ConnectionEnvironment).useValue(environment).compile();
    const app = module.createNestApplication({ logger });
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= app.close());
    cleanups.push(close);
    await app.init();
    return { app, pid: environment.pid, close };
  };

  it('ask, answer, administrate and finish transactions through one broker, and go on when its process leaves', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nestmq-shared-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    // After the 15 checks that are the default it would be given up, 1.5 s after the first one: a host may take longer to leave.
    const transactions = { timeoutMillis: 300, checkIntervalMillis: 100, checkMax: 10_000 };
    const messaging = {
      broker: { store: join(directory, 'store'), segmentBytes: 8 * 1024 * 1024, transactions, topics: ['unread'] },
    };
    const log = new LogBook();
    const first = await start(messaging, [Prices, Orders], new LogBook());
    const second = await start(messaging, [Stock, Orders, Place], log);
    expect(log.find('log', /has joined the broker of process/)).toEqual([
      expect.stringContaining(`process ${first.pid}, which has the store`),
    ]);

    // Requests, both ways.
    expect(await second.app.get(MessagingTemplate).request('prices', 'a lamp')).toBe('a lamp costs 5');
    expect(await first.app.get(MessagingTemplate).request('stock', 'lamps')).toBe('7 of lamps');

    // Who hosts, for people and machines.
    const health = async ({ app }: typeof first): Promise<object> =>
      (await app.get(MessagingHealthIndicator).isHealthy('messaging')).messaging['connections'] as object;
    expect(await health(first)).toMatchObject({ default: { status: 'up', broker: { role: 'host', pid: first.pid } } });
    expect(await health(second)).toMatchObject({
      default: { status: 'up', broker: { role: 'joined', pid: first.pid } },
    });
    expect(await first.app.get(MessagingMetrics).metrics()).toMatch(
      /mq_broker_joined_processes{connection="default"} 1/,
    );
    const metrics = await second.app.get(MessagingMetrics).metrics();
    expect(metrics).toMatch(/mq_broker_hosted{connection="default"} 0/);
    expect(metrics).not.toMatch(/mq_broker_put_total{/);

    // Administration, from where the broker is not.
    const admin = second.app.get(MessagingAdmin);
    expect(await admin.topics.list()).toEqual(expect.arrayContaining(['prices', 'stock', 'unread']));
    const template = second.app.get(MessagingTemplate);
    await template.syncSend('orders', 'bad');
    await settled(async () => (await admin.deadLetters.groups()).some(({ open: left }) => left === 1));
    expect((await admin.deadLetters.list('orders')).letters).toHaveLength(1);

    // A transaction that is open while the host leaves.
    const open = await template.transaction('orders', 'placed', 'place');
    expect(open.transactionState).toBe(TransactionState.UNKNOWN);
    await until(() => second.app.get(Place).checks > 0, 'the first check');
    await first.close();
    await until(() => log.find('log', /hosts the broker no longer/).length > 0, 'the second process takes over');
    expect(await health(second)).toMatchObject({
      default: { broker: { role: 'host', pid: second.pid } },
    });
    second.app.get(Place).outcome = TransactionState.COMMIT;
    await template.syncSend('orders', 'after');
    const { received } = second.app.get(Orders);
    await until(() => received.includes('placed') && received.includes('after'), 'the messages of before and after');
    expect(log.find('error', /./)).toEqual([expect.stringContaining('failed in the group orders: bad')]);
    expect(await admin.topics.list()).toEqual(expect.arrayContaining(['orders', 'prices', 'stock', 'unread']));
  });

  it('are told at once when one of them does not share the store', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nestmq-shared-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const broker = { store: join(directory, 'store'), segmentBytes: 8 * 1024 * 1024, share: false };
    await start({ broker }, [], new LogBook());
    await expect(start({ broker }, [], new LogBook())).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });
});
