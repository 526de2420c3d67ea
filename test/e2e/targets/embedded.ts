import type { INestApplicationContext, LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MessagingModule } from '../../../lib/index.js';
import { type BrokerAccess, ConnectionEnvironment } from '../../../lib/nest/connection/index.js';
import type { ResolvedConnectionOptions } from '../../../lib/nest/options/index.js';
import {
  type Logger as EngineLogger,
  type Platform,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
} from '../../../lib/platform/index.js';
import { BrokerHost, type BrokerSettings } from '../../../lib/server/index.js';
import type { Capability } from '../behaviour.js';
import type { ApplicationSpec } from '../world.js';
import type { LogLine, OpenTarget, Target } from './target.js';

export const embedded: Target = {
  name: 'the embedded broker',
  capabilities: new Set<Capability>(['virtual time', 'restart']),
  open: async () => new EmbeddedWorld(),
};

/** Turns of the loop without time passing, so that what an application awaits for real (a promise, an immediate) ends. */
const PASSING_STEP_MILLIS = 10;
/** What has not ended after so long never will. */
const LONGEST_PASSING_MILLIS = 120_000;

/**
 * A broker with a disk that can lose power, and its applications, in this process and on one virtual clock. Applications
 * share the broker: it belongs to the behaviour, as one elsewhere would.
 */
class EmbeddedWorld extends ConnectionEnvironment implements OpenTarget {
  readonly log: LogLine[] = [];
  private readonly clock = new VirtualClock();
  private disk = new SimulatedFileSystem();
  private seed = 1;
  private settings: BrokerSettings | undefined;
  private host: BrokerHost | undefined;

  now(): number {
    return this.clock.now();
  }

  override platform(logger: EngineLogger): Platform {
    return { clock: this.clock, fileSystem: this.disk, random: new SeededRandom(this.seed++), logger };
  }

  override async openBroker(options: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    // Broker settings of the first application stand for the broker of the behaviour, over its restarts.
    this.settings ??= { ...options.broker, store: '/store' };
    this.host ??= await BrokerHost.start(this.settings, platform);
    return { connector: this.host.connector, host: this.host, close: async () => undefined };
  }

  async createApplication({
    application = 'test',
    options,
    ...metadata
  }: ApplicationSpec): Promise<INestApplicationContext> {
    const imports = [MessagingModule.forRoot({ application, ...options }), ...(metadata.imports ?? [])];
    const builder = Test.createTestingModule({ ...metadata, imports })
      .overrideProvider(ConnectionEnvironment)
      .useValue(this)
      .setLogger(new LogBook(this.log));
    const module = await this.passing(builder.compile());
    return this.passing(module.init());
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
      this.disk.crash();
      this.disk = image;
    }
    this.host = undefined;
  }

  async close(): Promise<void> {
    if (this.host !== undefined) await this.passing(this.host.stop());
  }
}

class LogBook implements LoggerService {
  constructor(private readonly lines: LogLine[]) {}
  log = (message: unknown): void => this.add('log', message);
  error = (message: unknown): void => this.add('error', message);
  warn = (message: unknown): void => this.add('warn', message);
  debug = (message: unknown): void => this.add('debug', message);
  verbose = (message: unknown): void => this.add('verbose', message);
  private add(level: string, message: unknown): void {
    this.lines.push({ level, text: message instanceof Error ? message.message : String(message) });
  }
}
