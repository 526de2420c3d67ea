import type { Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { BrokerSettings } from '../settings/broker-settings.js';
import { ShardProcess } from './shard-process.js';

/** Before one that has died is started again: at once almost, then each time twice as long. */
const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 10_000;
/** A process that has lived so long did not die because of its start. */
const LONG_LIFE_MILLIS = 60_000;
/** The shards of a parent that was killed stop by themselves; until then they keep their stores. */
const LOCKED_MILLIS = 15_000;
const LOCKED_PAUSE_MILLIS = 100;

/** One shard, whatever becomes of its processes: one that dies is started again. */
export class KeptShard {
  private process: ShardProcess | undefined;
  private startedAt = 0;
  private deaths = 0;
  private restarting: Promise<void> = Promise.resolve();
  private readonly stopped = new AbortController();

  constructor(
    readonly name: string,
    private readonly settings: BrokerSettings,
    private readonly platform: Platform,
  ) {}

  /**
   * Resolves when messages can be sent.
   * @throws MessagingError as the broker in it.
   */
  async start(): Promise<void> {
    const { clock } = this.platform;
    const deadline = clock.monotonic() + LOCKED_MILLIS;
    for (;;) {
      try {
        return await this.startProcess();
      } catch (error) {
        const isLocked = error instanceof MessagingError && error.code === 'STORE_LOCKED';
        if (!isLocked || clock.monotonic() > deadline || !(await this.pause(LOCKED_PAUSE_MILLIS))) throw error;
      }
    }
  }

  get address(): string | undefined {
    return this.process?.address;
  }

  /** One that is being started again reads everything anew as it is. */
  async reload(): Promise<void> {
    await this.process?.reload();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.restarting;
    await this.process?.stop();
  }

  kill(): void {
    this.process?.kill();
  }

  private async startProcess(): Promise<void> {
    const { platform, name, settings } = this;
    const started = await ShardProcess.start(name, settings, platform.logger);
    this.process = started;
    this.startedAt = platform.clock.monotonic();
    void started.ended.then((how) => this.died(how));
  }

  private died(how: number | string): void {
    this.process = undefined;
    if (this.stopped.signal.aborted) return;
    const { clock, logger } = this.platform;
    if (clock.monotonic() - this.startedAt >= LONG_LIFE_MILLIS) this.deaths = 0;
    this.deaths++;
    logger.error(
      `The process of shard ${this.name} has ended with ${how}. It is started again; meanwhile sends without a key go to the other shards.`,
    );
    this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    const { clock, logger } = this.platform;
    const since = clock.monotonic();
    let pause = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** (this.deaths - 1));
    let said = '';
    while (await this.pause(pause)) {
      try {
        await this.startProcess();
        logger.log(`Shard ${this.name} is back after ${Math.round(clock.monotonic() - since)} ms`);
        return;
      } catch (error) {
        // Once, and not with every attempt.
        const { message } = error as Error;
        if (message !== said) logger.error(`Shard ${this.name} could not be started again: ${message}`, error);
        said = message;
        pause = Math.min(LONGEST_PAUSE_MILLIS, pause * 2);
      }
    }
  }

  /** False when it is to stop. */
  private async pause(milliseconds: number): Promise<boolean> {
    const { signal } = this.stopped;
    if (signal.aborted) return false;
    return this.platform.clock.sleep(milliseconds, signal).then(
      () => true,
      () => false,
    );
  }
}
