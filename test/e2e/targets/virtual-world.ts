import type { INestApplicationContext } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { MessagingModule, type MessagingConnectionOptions } from '../../../lib/index.js';
import { ConnectionEnvironment } from '../../../lib/nest/connection/index.js';
import {
  type Logger as EngineLogger,
  type Platform,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
} from '../../../lib/platform/index.js';
import type { BrokerHost, BrokerSettings } from '../../../lib/server/index.js';
import type { ApplicationSpec } from '../world.js';
import { LogBook } from './log-book.js';
import type { LogLine, OpenTarget } from './target.js';

// Nest loads its optional packages from the real disk with the first module. Virtual time that passed meanwhile would be
// another on each machine: 25 s on an idle one, more than LONGEST_PASSING_MILLIS on one without a processor to spare.
await Test.createTestingModule({}).compile();

/** Turns of the loop without time passing, so that what an application awaits for real (a promise, an immediate) ends. */
const PASSING_STEP_MILLIS = 10;
/** What has not ended after so long never will. */
const LONGEST_PASSING_MILLIS = 120_000;

/**
 * A broker with a disk that can lose power, and its applications, in this process and on one virtual clock. Applications
 * share the broker: it belongs to the behaviour, as one elsewhere would.
 */
export abstract class VirtualWorld extends ConnectionEnvironment implements OpenTarget {
  readonly log: LogLine[] = [];
  readonly slack = 0;
  protected host: BrokerHost | undefined;
  private disk = new SimulatedFileSystem();
  private seed = 1;
  private settings: BrokerSettings | undefined;

  constructor(protected readonly clock: VirtualClock = new VirtualClock()) {
    super();
  }

  now(): number {
    return this.clock.now();
  }

  override platform(logger: EngineLogger): Platform {
    return { clock: this.clock, fileSystem: this.disk, random: new SeededRandom(this.seed++), logger };
  }

  /** Options of an application on the broker of this world. */
  protected abstract placed(options: MessagingConnectionOptions): Promise<MessagingConnectionOptions>;

  /** Broker settings of the first application stand for the broker of the behaviour, over its restarts. */
  protected brokerSettings(first: BrokerSettings): BrokerSettings {
    return (this.settings ??= { ...first, store: '/store' });
  }

  async createApplication({
    application = 'test',
    options = {},
    strategy,
    ...metadata
  }: ApplicationSpec): Promise<INestApplicationContext> {
    const placed = await this.placed(options);
    const imports = [MessagingModule.forRoot({ application, ...placed }), ...(metadata.imports ?? [])];
    const builder = Test.createTestingModule({ ...metadata, imports })
      .overrideProvider(ConnectionEnvironment)
      .useValue(this)
      .setLogger(new LogBook(this.log));
    const module = await this.passing(builder.compile());
    if (strategy === undefined) return this.passing(module.init());
    const service = module.createNestMicroservice<MicroserviceOptions>({ strategy });
    await this.passing(service.listen());
    return service;
  }

  async until(condition: () => boolean, what: string, limit: number): Promise<void> {
    try {
      await this.clock.advanceUntil(condition, limit);
    } catch (cause) {
      throw new Error(`waited ${limit} ms in vain for: ${what}`, { cause });
    }
  }

  pass(milliseconds: number): Promise<void> {
    return this.clock.advance(milliseconds);
  }

  quiet(): Promise<void> {
    return this.clock.settle();
  }

  async passing<T>(promise: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => void (ended = true);
    promise.then(end, end);
    await this.clock.settle();
    const limit = this.clock.monotonic() + LONGEST_PASSING_MILLIS;
    while (!ended) {
      if (this.clock.monotonic() > limit) throw new Error(`waited ${LONGEST_PASSING_MILLIS} ms in vain for a promise`);
      await this.clock.advance(PASSING_STEP_MILLIS);
    }
    return promise;
  }

  async restart(how: 'orderly' | 'crash'): Promise<void> {
    const { host } = this;
    if (host === undefined) return;
    if (how === 'orderly') await this.passing(host.stop());
    else {
      // What was synced survives; of the rest nothing does.
      const image = this.disk.crashImage('none', new SeededRandom(this.seed++));
      await this.losePower(host, this.disk);
      this.disk = image;
    }
    this.host = undefined;
  }

  /** Ends what there is of the broker; what was synced is safe already. */
  protected async losePower(_host: BrokerHost, disk: SimulatedFileSystem): Promise<void> {
    disk.crash();
  }

  async close(): Promise<void> {
    if (this.host !== undefined) await this.passing(this.host.stop());
  }
}
