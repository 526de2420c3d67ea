import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { MessagingAdmin, MessagingModule, MessagingTemplate } from '../../../lib/index.js';
import { Member } from '../bank/fleet.js';
import { freePort } from '../../support/free-port.js';
import { type Service, startRedis } from '../support/index.js';
import { Contestant } from './contestant.js';
import { type Counts, PHASES, type Phase, effectsOf, seenBy } from './plan.js';

const BATCH = 100;
/** Without any progress for so long it is over. */
const PATIENCE_MILLIS = 120_000;

/** What the effects came to. */
export interface Findings {
  readonly messages: number;
  /** With no effect. */
  readonly missing: number;
  /** With more than one. */
  readonly repeated: number;
  readonly deliveries: number;
  /** Messages that were delivered to both consumers. */
  readonly toBoth: number;
  readonly counts: Counts;
}

/** The broker, three Redis and the two consumers. */
export class Ground {
  readonly failures: string[] = [];

  private constructor(
    private readonly folder: string,
    private readonly broker: Member,
    /** Keeps marks through a restart. */
    readonly store: Service,
    /** Does not. */
    readonly forgetful: Service,
    private readonly effectsService: Service,
    private readonly effects: Redis,
    private readonly supervisor: INestApplicationContext,
    readonly contestants: readonly [Contestant, Contestant],
  ) {}

  static async open(): Promise<Ground> {
    const folder = await mkdtemp(join(tmpdir(), 'nestmq-race-'));
    const port = await freePort();
    const failures: string[] = [];
    const failed = (why: string): void => void failures.push(why);
    const broker = new Member(
      {
        name: 'broker',
        program: fileURLToPath(new URL('../bank/processes/broker.js', import.meta.url)),
        args: [
          ...['broker', '--store', join(folder, 'store'), '--port', String(port), '--segment-bytes', '64m'],
          ...PHASES.flatMap((phase) => ['--topic', `${phase}:2`]),
        ],
        readyLine: /listening on/,
      },
      failed,
    );
    const [store, forgetful, effects] = await Promise.all([
      startRedis({ own: true, durable: true }),
      startRedis({ own: true }),
      startRedis({ own: true }),
    ]);
    await broker.ready();
    const nameServer = `127.0.0.1:${port}`;
    @Module({ imports: [MessagingModule.forRoot({ application: 'supervisor', nameServer })] })
    class SupervisorModule {}
    const supervisor = await NestFactory.createApplicationContext(SupervisorModule, { logger: ['error'] });
    const urls = { store: store.url, forgetful: forgetful.url, effects: effects.url };
    const contestants = [
      new Contestant({ name: 'a', ioredis: 5, nameServer, ...urls }, failed),
      new Contestant({ name: 'b', ioredis: 6, nameServer, ...urls }, failed),
    ] as const;
    const counter = new Redis(effects.url);
    const ground = new Ground(folder, broker, store, forgetful, effects, counter, supervisor, contestants);
    ground.failures.push(...failures);
    await Promise.all(contestants.map((contestant) => contestant.start()));
    return ground;
  }

  /** Each message twice, as a producer may that was not told of the first: one copy for each queue, at nearly the same time. */
  async send(phase: Phase, count: number): Promise<void> {
    const template = this.supervisor.get(MessagingTemplate);
    for (let first = 0; first < count; first += BATCH) {
      const payments = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => ({ id: first + i }));
      for (let copy = 0; copy < 2; copy++)
        await template.batch(phase, payments, { each: ({ id }) => ({ keys: String(id) }) });
    }
  }

  /** Everything comes again. */
  async redeliver(phase: Phase): Promise<void> {
    await this.supervisor.get(MessagingAdmin).backlog.resetPosition(phase, phase, 'earliest');
  }

  /** How many messages have had an effect. */
  handled(phase: Phase): Promise<number> {
    return this.effects.hlen(effectsOf(phase));
  }

  /** Resolves when so many messages have had an effect; rejects when nothing happens any more. */
  async until(phase: Phase, count: number): Promise<void> {
    await this.progress(
      async () => [await this.handled(phase), this.deliveries(phase)],
      async () => (await this.handled(phase)) >= count,
    );
  }

  /** Resolves when the broker holds nothing more for the group. */
  async drained(phase: Phase): Promise<void> {
    const { groups } = this.supervisor.get(MessagingAdmin);
    const lag = async (): Promise<number> => (await groups.lag(phase, { ages: false })).lag;
    await this.progress(
      async () => [await lag(), this.deliveries(phase)],
      async () => (await lag()) === 0,
    );
  }

  async judge(phase: Phase, messages: number): Promise<Findings> {
    const effects = await this.effects.hvals(effectsOf(phase));
    const counts: Counts = {};
    for (const contestant of this.contestants)
      for (const [name, count] of Object.entries(contestant.counts(phase))) counts[name] = (counts[name] ?? 0) + count;
    const { deliveries = 0, ...rest } = counts;
    const seen = this.contestants.map(({ name }) => seenBy(phase, name));
    return {
      messages,
      missing: messages - effects.length,
      repeated: effects.filter((count) => count !== '1').length,
      deliveries,
      toBoth: (await this.effects.sinter(...seen)).length,
      counts: rest,
    };
  }

  async close(): Promise<void> {
    for (const contestant of this.contestants) contestant.send('SIGCONT');
    await this.supervisor.close();
    await Promise.all(this.contestants.map((contestant) => contestant.end('SIGKILL')));
    await this.broker.end();
    this.effects.disconnect();
    await Promise.all([this.store.stop(), this.forgetful.stop(), this.effectsService.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }

  private deliveries(phase: Phase): number {
    return this.contestants.reduce((sum, contestant) => sum + (contestant.counts(phase).deliveries ?? 0), 0);
  }

  private async progress(state: () => Promise<unknown>, over: () => Promise<boolean>): Promise<void> {
    let [before, since] = ['', performance.now()];
    while (!(await over())) {
      const now = JSON.stringify(await state());
      if (now !== before) [before, since] = [now, performance.now()];
      if (performance.now() - since > PATIENCE_MILLIS) throw new Error(`nothing happens any more: ${now}`);
      await sleep(20);
    }
  }
}
