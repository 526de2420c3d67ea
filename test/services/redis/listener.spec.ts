import { afterEach, describe, expect, it, jest } from '@jest/globals';
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Redis } from 'ioredis';
import { RedisIdempotencyStore } from '../../../lib/idempotency/redis/index.js';
import {
  type IdempotentOptions,
  type MessageContext,
  MessageListener,
  MessageListenerRegistry,
  MessagingAdmin,
  MessagingModule,
  MessagingTemplate,
} from '../../../lib/index.js';
import { type Service, startRedis } from '../support/index.js';
import { VERSIONS, quiet, serverPid, until } from './clients.js';

jest.setTimeout(300_000);

const COUNT = 300;
/** How long Redis is in a bad way; the listener looks for it after 1 s, then after 2 s. */
const BAD_MILLIS = 1_500;

/** What Redis goes through while the listener is at work. */
/** Each ends not before it was felt. */
const TROUBLES: Record<string, (admin: Redis, felt: () => Promise<void>, service: Service) => Promise<void>> = {
  'that cuts all connections again and again': async (admin) => {
    const end = performance.now() + BAD_MILLIS;
    while (performance.now() < end) {
      await admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes');
      await sleep(20);
    }
  },
  'that is full': async (admin, felt) => {
    await admin.config('SET', 'maxmemory', '1');
    await sleep(BAD_MILLIS);
    await felt();
    await admin.config('SET', 'maxmemory', '0');
  },
  'that is a replica for a while': async (admin, felt) => {
    await admin.replicaof('127.0.0.1', 1);
    await sleep(BAD_MILLIS);
    await felt();
    await admin.replicaof('NO', 'ONE');
  },
  'that hangs': async (admin, felt) => {
    const pid = await serverPid(admin);
    process.kill(pid, 'SIGSTOP');
    await sleep(BAD_MILLIS);
    await felt();
    process.kill(pid, 'SIGCONT');
  },
  'that is killed and comes back': async (_, felt, service) => {
    await service.kill();
    await sleep(BAD_MILLIS);
    await felt();
    await service.restart();
  },
  'that forgets its scripts': async (admin) => {
    const end = performance.now() + BAD_MILLIS;
    while (performance.now() < end) await admin.script('FLUSH');
  },
};
/** What the store mends by itself, or may. */
const UNNOTICED = ['that forgets its scripts'];
const MAYBE_NOTICED = ['that cuts all connections again and again'];

/** Each trouble with one version: both have their own faults.spec for the store alone. */
describe.each([
  { ...VERSIONS[0], troubles: Object.keys(TROUBLES).filter((_, i) => i % 2 === 0) },
  { ...VERSIONS[1], troubles: Object.keys(TROUBLES).filter((_, i) => i % 2 === 1) },
])('a listener on a Redis with $version', ({ version, Redis, troubles }) => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(
    handle: (id: number, context: MessageContext) => Promise<void>,
    options: IdempotentOptions = {},
    timeout = 400,
  ) {
    const service = await startRedis({ own: true, durable: true });
    closing.push(() => service.stop());
    const client = () => {
      const redis = quiet(new Redis(service.url, { retryStrategy: () => 50 }));
      closing.push(() => redis.disconnect());
      return redis;
    };
    const store = new RedisIdempotencyStore(client(), { timeout });

    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', concurrency: 8, backoff: [50] })
      book({ id }: { id: number }, context: MessageContext): Promise<void> {
        return handle(id, context);
      }
    }
    @Module({
      imports: [
        MessagingModule.forRoot({
          application: 'bank',
          broker: { memory: true },
          idempotency: { enabled: true, key: 'keys', store, ...options },
        }),
      ],
      providers: [Payments],
    })
    class BankModule {}
    const application = await NestFactory.createApplicationContext(BankModule, { logger: false });
    closing.push(() => application.close());
    return { service, admin: client(), application, report: () => reportOf(application) };
  }

  async function send(application: INestApplicationContext, from: number, to: number): Promise<void> {
    const template = application.get(MessagingTemplate);
    const payments = Array.from({ length: to - from }, (_, i) => ({ id: from + i }));
    for (let copy = 0; copy < 2; copy++)
      await template.batch('payments', payments, { each: ({ id }) => ({ keys: String(id) }) });
  }

  it.each(troubles)('%s handles each message once and burns no attempt', async (name) => {
    const effects = new Map<number, number>();
    const attempts = new Set<number>();
    const handle = async (id: number, context: MessageContext): Promise<void> => {
      await sleep(5);
      attempts.add(context.attempt);
      effects.set(id, (effects.get(id) ?? 0) + 1);
    };
    // What is not to be noticed must not come of a busy machine either.
    const timeout = UNNOTICED.includes(name) ? 30_000 : undefined;
    const { service, admin, application, report } = await start(handle, {}, timeout);
    const felt = (): Promise<void> => until('the trouble is felt', () => report().counts['store-error'] > 0);
    await send(application, 0, COUNT / 3);
    await until('it is at work', () => effects.size > 10);
    const trouble = TROUBLES[name]!(admin, felt, service);
    await send(application, COUNT / 3, (COUNT * 2) / 3);
    await trouble;
    await send(application, (COUNT * 2) / 3, COUNT);
    await until(
      'all copies are settled',
      () => {
        const { counts } = report();
        return counts.acquired + counts.skipped >= COUNT * 2 && effects.size === COUNT;
      },
      () => `${effects.size} effects, ${JSON.stringify(report())}`,
    );
    expect([...effects.values()].filter((count) => count !== 1)).toEqual([]);
    expect([...attempts]).toEqual([1]);
    await until(
      'the listener takes Redis for well again',
      () => report().storeDownSince === undefined,
      () => JSON.stringify(report()),
    );
    const { counts } = report();
    expect(counts).toMatchObject({ acquired: COUNT, 'lost-lease': 0, conflict: 0 });
    if (!MAYBE_NOTICED.includes(name)) expect(counts['store-error'] > 0).toBe(!UNNOTICED.includes(name));
    expect((await application.get(MessagingAdmin).deadLetters.list('booking')).letters).toEqual([]);
  });

  if (version === VERSIONS[0].version) return;

  it('keeps its lease for as long as the handler runs, and leaves it to nobody', async () => {
    const effects: number[] = [];
    const { application, report } = await start(
      async (id, context) => {
        await sleep(7_500);
        if (!context.signal.aborted) effects.push(id);
      },
      { lease: '3s' },
      20_000,
    );
    await send(application, 0, 2);
    await until('all copies are settled', () => report().counts.skipped === 2);
    expect(effects.toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(report().counts).toMatchObject({ acquired: 2, 'lost-lease': 0 });
  });

  it('neither runs nor acknowledges what another has taken over, and skips it when that has done it', async () => {
    const effects: number[] = [];
    let began = 0;
    const { service, application, report } = await start(
      async (id, context) => {
        began++;
        await until('it is told', () => context.signal.aborted || began > 1);
        if (!context.signal.aborted) effects.push(id);
      },
      { lease: '3s' },
    );
    const other = quiet(new Redis(service.url));
    closing.push(() => other.disconnect());
    await application.get(MessagingTemplate).syncSend('payments', { id: 7 }, { keys: '7' });
    await until('it is at work', () => began === 1);
    // As if the lease had ended and somebody else had it: in Redis only, so that the next extension says so.
    const [key] = await other.keys('nestmq:*');
    const value = (await other.get(key!)) as string;
    await other.set(key!, value.replace(/^P[^|]*/, 'Psomebody-else'), 'PX', 60_000);
    await until('it has lost its lease', () => report().counts['lost-lease'] === 1);
    expect(effects).toEqual([]);
    // The other one has done it.
    await other.set(key!, value.replace(/^P[^|]*/, 'Csomebody-else'), 'PX', 60_000);
    await until('it is skipped', () => report().counts.skipped === 1);
    expect([began, effects]).toEqual([1, []]);
  });

  it('makes a dead letter of another payload under a known key', async () => {
    const handled: number[] = [];
    const { application, report } = await start(async (id) => void handled.push(id), { fingerprint: true });
    const template = application.get(MessagingTemplate);
    await template.syncSend('payments', { id: 1 }, { keys: 'k' });
    await until('it is handled', () => handled.length === 1);
    await template.syncSend('payments', { id: 2 }, { keys: 'k' });
    await until('it is refused', () => report().counts.conflict === 1);
    const { deadLetters } = application.get(MessagingAdmin);
    await until('it is a dead letter', async () => (await deadLetters.list('booking')).letters.length === 1);
    expect(handled).toEqual([1]);
  });
});

function reportOf(application: INestApplicationContext) {
  const [listener] = application.get(MessageListenerRegistry).list();
  return listener!.idempotency!;
}
