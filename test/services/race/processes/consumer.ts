// Books payments: its effect is a number in another Redis, which knows nothing of marks and counts every time.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  Module,
  type OnApplicationShutdown,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { Redis as Redis6 } from 'ioredis6';
import { RedisIdempotencyStore } from '../../../../lib/idempotency/redis/index.js';
import {
  Idempotent,
  type MessageContext,
  MessageListener,
  MessageListenerRegistry,
  MessagingModule,
} from '../../../../lib/index.js';
import {
  CONCURRENCY,
  type ConsumerSettings,
  type Counts,
  DEATHS_LEASE_MILLIS,
  LEASE_MILLIS,
  type Payment,
  type Phase,
  type Told,
  WORK_MILLIS,
  ZOMBIE_CONCURRENCY,
  effectsOf,
  seenBy,
} from '../plan.js';

const REPORT_EVERY_MILLIS = 100;

const settings = JSON.parse(process.argv[2]!) as ConsumerSettings;
const tell = (told: Told): void => void process.send?.(told);

function connect(url: string): Redis {
  const Client = settings.ioredis === 5 ? Redis : (Redis6 as unknown as typeof Redis);
  const client = new Client(url, { retryStrategy: () => 100 });
  client.on('error', () => undefined);
  return client;
}
const effects = connect(settings.effects);
/** Shorter than Redis is away, so that the listeners notice. */
const remember = (url: string) => new RedisIdempotencyStore(connect(url), { timeout: '500ms' });
const forgetful = remember(settings.forgetful);
const idempotency = { enabled: true, key: 'keys', store: remember(settings.store) } as const;

const deliveries: Partial<Record<Phase, number>> = {};

/** Guards run before marks are asked for: what they see was delivered. */
@Injectable()
class Deliveries implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { message } = context.getArgByIndex<MessageContext>(1);
    const phase = message.topic as Phase;
    deliveries[phase] = (deliveries[phase] ?? 0) + 1;
    void effects.sadd(seenBy(phase, settings.name), message.keys[0]!);
    return true;
  }
}

const listen = (topic: Phase, concurrency = CONCURRENCY) =>
  MessageListener({ topic, group: topic, from: 'earliest', concurrency, backoff: [200], maxReconsumeTimes: 100 });

@Injectable()
@UseGuards(Deliveries)
class Payments implements OnApplicationShutdown {
  @listen('race')
  book({ id }: Payment): Promise<void> {
    return this.effect('race', id);
  }

  /** Asks right before its effect whether the message is still its own. */
  @listen('zombies', ZOMBIE_CONCURRENCY)
  @Idempotent({ lease: LEASE_MILLIS })
  async bookSlowly({ id }: Payment, context: MessageContext): Promise<void> {
    tell({ begun: id });
    await sleep(WORK_MILLIS);
    if (!context.signal.aborted) await this.effect('zombies', id);
  }

  @listen('deaths')
  @Idempotent({ lease: DEATHS_LEASE_MILLIS })
  bookDangerously({ id }: Payment): Promise<void> {
    return this.effect('deaths', id);
  }

  @listen('forgetful')
  @Idempotent({ store: forgetful })
  bookForgetfully({ id }: Payment): Promise<void> {
    return this.effect('forgetful', id);
  }

  @listen('control')
  @Idempotent(false)
  bookTwice({ id }: Payment): Promise<void> {
    return this.effect('control', id);
  }

  /** The last that is heard of this process. */
  async onApplicationShutdown(): Promise<void> {
    await new Promise<void>((resolve) => process.send?.({ counts: counted() } satisfies Told, () => resolve()));
  }

  private async effect(phase: Phase, id: number): Promise<void> {
    await effects.hincrby(effectsOf(phase), String(id), 1);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', nameServer: settings.nameServer, idempotency })],
  providers: [Payments],
})
class ConsumerModule {}

const application = await NestFactory.createApplicationContext(ConsumerModule, { logger: ['error'] });
application.enableShutdownHooks();
const registry = application.get(MessageListenerRegistry);
setInterval(() => tell({ counts: counted() }), REPORT_EVERY_MILLIS);
process.on('disconnect', () => process.exit(0));
tell({ ready: true });

function counted(): Partial<Record<Phase, Counts>> {
  const counts: Partial<Record<Phase, Counts>> = {};
  for (const { topic, idempotency: known } of registry.list())
    counts[topic as Phase] = { deliveries: deliveries[topic as Phase] ?? 0, ...known?.counts };
  return counts;
}
