import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, Injectable } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { request } from 'node:http';
import {
  MessageListener,
  MessageListenerRegistry,
  MessagingModule,
  MessagingTemplate,
  PostponeError,
  RejectMessageError,
} from '../../../lib/index.js';
import { BrokerHost } from '../../../lib/server/index.js';
import { silentLogger, systemPlatform } from '../../../lib/platform/index.js';
import { MessagingHealthIndicator, MessagingHealthModule, type MessagingHealthOptions } from '../../../lib/terminus.js';
import { MessagingTestKit } from '../../../lib/testing.js';
import { closeApplications, createApplication } from '../support/application.js';

@Injectable()
class Billing {
  @MessageListener({ topic: 'orders', group: 'billing' })
  onOrder(order: { bad?: boolean; busy?: boolean }): void {
    if (order.busy === true) throw new PostponeError(60_000, 'no database', { suspendListener: true });
    if (order.bad === true) throw new RejectMessageError('bad');
  }
}

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly messaging: MessagingHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.messaging.isHealthy('messaging', { timeout: '20s' })]);
  }
}

const kits: MessagingTestKit[] = [];
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
  await closeApplications();
});

async function start(): Promise<{
  kit: MessagingTestKit;
  check: (
    options?: MessagingHealthOptions,
  ) => Promise<{ status: string; connections: Record<string, { problems: string[] }> }>;
}> {
  const kit = new MessagingTestKit();
  kits.push(kit);
  const imports = [MessagingModule.forRoot({ application: 'shop' }), MessagingHealthModule];
  const module = await kit.start({ imports, providers: [Billing] });
  const indicator = module.get(MessagingHealthIndicator);
  return { kit, check: async (options) => (await indicator.isHealthy('messaging', options)).messaging as never };
}

async function get(app: INestApplication): Promise<{ code: number | undefined; body: HealthCheckResult }> {
  const { port } = app.getHttpServer().address() as { port: number };
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/health' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ code: response.statusCode, body: JSON.parse(text) as HealthCheckResult }));
    })
      .on('error', reject)
      .end();
  });
}

describe('health', () => {
  it('is up while messages flow', async () => {
    const { kit, check } = await start();
    await kit.template().syncSend('orders', {});
    await kit.settled();
    expect(await check()).toEqual({
      status: 'up',
      connections: { default: { status: 'up', problems: [], lag: { billing: 0 } } },
    });
  });

  it('is degraded while a group is far behind, in messages or in time', async () => {
    const { kit, check } = await start();
    kit.get(MessageListenerRegistry).pause('Billing.onOrder');
    for (let id = 0; id < 4; id++) await kit.template().syncSend('orders', {});
    await kit.settled();
    expect((await check({ maxLag: 3 })).connections.default?.problems).toEqual(['group billing is 4 messages behind']);
    expect(await check({ maxLag: 4 })).toMatchObject({ status: 'up' });
    await kit.advance('16m');
    expect(await check({ maxLag: false })).toMatchObject({ status: 'degraded' });
    expect((await check()).connections.default?.problems).toEqual([
      'group billing has had a message waiting for 960 s',
    ]);
    expect(await check({ maxLagAge: false })).toMatchObject({ status: 'up' });
    kit.get(MessageListenerRegistry).resume('Billing.onOrder');
    await kit.settled();
    expect(await check()).toMatchObject({ status: 'up' });
  });

  it('is degraded for a while after a dead letter', async () => {
    const { kit, check } = await start();
    expect(await check()).toMatchObject({ status: 'up' });
    await kit.template().syncSend('orders', { bad: true });
    await kit.settled();
    expect((await check()).connections.default?.problems).toEqual(['there are new dead letters']);
    expect(await check({ deadLetterWindow: false })).toMatchObject({ status: 'up' });
    await kit.advance('4m');
    expect(await check()).toMatchObject({ status: 'degraded' });
    await kit.advance('1m');
    expect(await check()).toMatchObject({ status: 'up' });
  });

  it('is degraded while a listener takes nothing for a while, and names it', async () => {
    const { kit, check } = await start();
    await kit.template().syncSend('orders', { busy: true }, { expiresIn: '30s' });
    await kit.advance('1s');
    expect((await check({ maxLag: 0, deadLetterWindow: false })).connections.default?.problems).toEqual([
      'group billing is 1 messages behind',
      'the listener Billing.onOrder of the group billing takes nothing for a while: no database',
    ]);
    await kit.advance('1m');
    expect(await check({ deadLetterWindow: false })).toMatchObject({ status: 'up' });
  });

  it('is down when the broker inside has stopped, and before the connection is open', async () => {
    const { kit, check } = await start();
    await kit.stopBroker();
    expect((await check()).connections.default?.problems).toEqual(['the broker is stopped']);
    await kit.module.close();
    expect((await check()).connections.default?.problems).toEqual(['the connection is not open']);
  });

  it.each([
    [{ maxLag: -1 }, /maxLag/],
    [{ timeout: 0 }, /timeout/],
    [{ connections: ['other'] }, /no messaging connection other/],
    [{ threshold: 1 }, /unknown option/],
  ])('refuses %j', async (options, message) => {
    const { check } = await start();
    await expect(check(options as MessagingHealthOptions)).rejects.toThrow(message);
  });

  it('answers over HTTP: 200 for up and degraded, 503 when the broker is gone', async () => {
    const platform = systemPlatform({ logger: silentLogger });
    const broker = await BrokerHost.start({ memory: true, listen: { port: 0 } }, platform);
    const app = await createApplication({
      messaging: { nameServer: broker.address!, broker: undefined },
      imports: [TerminusModule.forRoot({ logger: false }), MessagingHealthModule],
      controllers: [HealthController],
      providers: [Billing],
    });
    await app.listen(0, '127.0.0.1');
    expect(await get(app)).toMatchObject({ code: 200, body: { status: 'ok', info: { messaging: { status: 'up' } } } });
    await app.get(MessagingTemplate).syncSend('orders', { bad: true });
    let answer = await get(app);
    while (answer.body.status === 'ok') answer = await get(app);
    expect(answer).toMatchObject({
      code: 200,
      body: { status: 'degraded', info: { messaging: { status: 'degraded' } } },
    });
    await broker.stop();
    const down = await get(app);
    expect(down).toMatchObject({ code: 503, body: { status: 'error', error: { messaging: { status: 'down' } } } });
  });
});
