import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, type LoggerService } from '@nestjs/common';
import {
  ConsumeMode,
  type LocalTransaction,
  MessageListener,
  MessagingAdmin,
  MessagingModule,
  MessagingTemplate,
  RejectMessageError,
  TransactionListener,
  TransactionState,
} from '../../lib/index.js';
import { MessagingMetrics, MessagingMetricsModule } from '../../lib/metrics.js';
import { MessagingConnections } from '../../lib/nest/connection/index.js';
import { MessagingHealthIndicator, MessagingHealthModule } from '../../lib/terminus.js';
import { MessagingTestKit } from '../../lib/testing.js';
import { closeApplications, LogBook, startApplication } from './support/application.js';
import { until } from './support/until.js';

/** Threads and stores start again here, on a machine that may have no processor to spare. */
jest.setTimeout(90_000);

@Injectable()
class Orders {
  readonly received: unknown[] = [];
  readonly inOrder: number[] = [];

  @MessageListener({ topic: 'orders', group: 'orders', from: 'earliest' })
  onOrder(order: unknown): void {
    if (order === 'bad') throw new RejectMessageError('not like this');
    this.received.push(order);
  }

  @MessageListener({ topic: 'steps', group: 'steps', mode: ConsumeMode.ORDERLY, from: 'earliest' })
  onStep({ step }: { step: number }): void {
    this.inOrder.push(step);
  }

  @MessageListener({ topic: 'prices', group: 'prices' })
  price(article: string): string {
    return `${article} costs 5`;
  }
}

@Injectable()
@TransactionListener('place')
class Place implements LocalTransaction<string, undefined> {
  execute(): TransactionState {
    return TransactionState.COMMIT;
  }
  check(): TransactionState {
    return TransactionState.COMMIT;
  }
}

describe('an application whose broker has a thread of its own', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    await closeApplications();
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const directory = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'nestmq-thread-'));
    cleanups.push(() => rm(path, { recursive: true, force: true }));
    return join(path, 'store');
  };
  const start = async (broker: object, logger: LoggerService | false = false) => {
    const app = await startApplication({
      // The default of 3 s for a send is short for a thread that is started again on a machine without a processor to spare.
      messaging: {
        application: 'shop',
        producer: { timeout: '25s', retries: 8 },
        broker: { run: 'worker', ...broker },
      },
      imports: [MessagingHealthModule, MessagingMetricsModule.forRoot()],
      providers: [Orders, Place],
      logger,
    });
    const health = async (): Promise<unknown> =>
      (await app.get(MessagingHealthIndicator).isHealthy('messaging')).messaging;
    return { app, health, template: app.get(MessagingTemplate), orders: app.get(Orders) };
  };

  it('sends, receives, asks, delays, finishes transactions and administrates as one whose broker runs inline', async () => {
    const log = new LogBook();
    const { app, health, template, orders } = await start(
      { store: await directory(), segmentBytes: 8 * 1024 * 1024 },
      log,
    );
    expect(log.find('log', /the broker has a thread of its own$/)).toHaveLength(1);
    expect(await template.request('prices', 'a lamp')).toBe('a lamp costs 5');
    expect(await health()).toMatchObject({
      status: 'up',
      connections: { default: { broker: { role: 'host', pid: process.pid } } },
    });
    for (let step = 0; step < 20; step++) await template.sendOrderly('steps', { step }, 'one key');
    await template.transaction('orders', 'in a transaction', 'place');
    await template.delay('orders', 'later', 50);
    await template.batch('orders', ['one', 'two']);
    await template.syncSend('orders', Buffer.alloc(3_000_000, 'x'));
    await template.syncSend('orders', 'bad');
    await until(() => orders.received.length === 5 && orders.inOrder.length === 20, 'all have come');
    expect(orders.inOrder).toEqual([...Array(20).keys()]);
    expect((orders.received.find((one) => Buffer.isBuffer(one)) as Buffer).equals(Buffer.alloc(3_000_000, 'x'))).toBe(
      true,
    );

    const topics = await app.get(MessagingAdmin).topics.list();
    expect(topics).toEqual(expect.arrayContaining(['orders', 'prices', 'steps']));
    const metrics = await app.get(MessagingMetrics).metrics();
    expect(metrics).toMatch(/mq_broker_hosted\{connection="default"\} 1/);
    expect(metrics).toMatch(/mq_broker_thread_restarts_total\{connection="default"\} 0/);
    expect(metrics).toMatch(/mq_broker_put_total\{[^}]*\} 2\d/);
  });

  it('outlives a crash of the thread: sends are tried again, listeners go on, and health says what is going on', async () => {
    const log = new LogBook();
    const { app, health, template, orders } = await start(
      { store: await directory(), segmentBytes: 8 * 1024 * 1024 },
      log,
    );
    for (let n = 0; n < 10; n++) await template.syncSend('orders', `before ${n}`);
    const [connection] = app.get(MessagingConnections, { strict: false }).all();
    const crash = connection!['broker']!.worker!['worker']!['worker'].terminate();
    const sending = Promise.all(Array.from({ length: 20 }, (_, n) => template.syncSend('orders', `during ${n}`)));
    await crash;
    expect(await health()).toMatchObject({
      status: 'down',
      connections: { default: { problems: [expect.stringContaining('is being started again')] } },
    });
    await sending;
    await template.sendOrderly('steps', { step: 1 }, 'a key');
    // What was sent before and during it is delivered at least once, nothing is left behind.
    await until(() => new Set(orders.received).size === 30 && orders.inOrder.length === 1, 'everything has come');
    expect(await health()).toMatchObject({ status: 'up' });
    expect(await app.get(MessagingMetrics).metrics()).toMatch(
      /mq_broker_thread_restarts_total\{connection="default"\} 1/,
    );
    expect(log.find('error', /thread of the broker has ended: exit code 1\. It is started again/)).toHaveLength(1);
    expect(log.find('warn', /the process has died/)).toEqual([]);
  });

  it('hears from the thread in its own log, with where a problem arose', async () => {
    const log = new LogBook();
    const { app } = await start({ memory: true, listen: 0 }, log);
    const [connection] = app.get(MessagingConnections, { strict: false }).all();
    const address = /listening on ([\d.:]+)/.exec(connection!['broker']!.worker!.summary())![1]!;
    const { connect } = await import('node:net');
    const [host, port] = address.split(':');
    const socket = connect(Number(port), host);
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await until(() => log.find('warn', /sent what cannot be read/).length === 1, 'the warning has come over');
    socket.destroy();
  });

  it('does not start when its broker cannot, with the code that an inline one has', async () => {
    await expect(start({ memory: true, store: './x' })).rejects.toMatchObject({ code: 'CONFIGURATION' });
    await expect(start({ memory: true, run: 'thread' })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining("broker.run must be 'inline' or 'worker'"),
    });
  });

  it('runs inline in the test kit, with the same settings refused', async () => {
    const kit = new MessagingTestKit();
    cleanups.push(() => kit.close());
    const imports = (broker: object) => [MessagingModule.forRoot({ application: 'shop', broker })];
    const module = await kit.start({ imports: imports({ run: 'worker' }), providers: [Orders] });
    await kit.template().syncSend('orders', 'in virtual time');
    await kit.settled();
    expect(module.get(Orders).received).toEqual(['in virtual time']);
    const other = new MessagingTestKit();
    cleanups.push(() => other.close());
    await expect(
      other.start({ imports: imports({ run: 'worker', topics: [{ name: 'a', dedup: () => 1 }] }) }),
    ).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });
});
