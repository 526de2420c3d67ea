import { type ChildProcess, fork } from 'node:child_process';
import type { Logger } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { BrokerSettings } from '../settings/broker-settings.js';
import { fromCrossing } from '../worker/crossing-error.js';
import type { ShardMessage, ShardOrder } from './shard-messages.js';

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** One life of the process of a shard. */
export class ShardProcess {
  /** `ip:port` that it listens on. */
  address = '';
  summary = '';
  /** Resolves with the exit code or the signal; never rejects. */
  readonly ended: Promise<number | string>;
  private readonly child: ChildProcess;
  private onReady = (): void => undefined;
  private starting: Waiting | undefined;
  private reloading: Waiting[] = [];

  /**
   * Resolves when messages can be sent.
   * @throws MessagingError as the broker in it; BROKER_ERROR when its process ends meanwhile.
   */
  static async start(name: string, settings: BrokerSettings, logger: Logger): Promise<ShardProcess> {
    const shard = new ShardProcess(name, logger);
    try {
      await new Promise<void>((resolve, reject) => {
        shard.starting = { resolve, reject };
        shard.onReady = () => shard.tell({ order: 'start', settings });
      });
    } catch (error) {
      await shard.ended;
      throw error;
    }
    return shard;
  }

  private constructor(
    private readonly name: string,
    private readonly logger: Logger,
  ) {
    // Its log comes through the channel; what else it writes is the stack of a defect.
    this.child = fork(new URL('./shard-main.js', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message: ShardMessage) => this.heed(message));
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.fail(`could not be started: ${error.message}`);
        resolve(error.message);
      });
      this.child.once('exit', (code, signal) => {
        this.fail(`has ended with ${code ?? signal}`);
        resolve(code ?? signal ?? 'unknown');
      });
    });
  }

  /** @throws MessagingError as `BrokerHost.reload`. */
  reload(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.reloading.push({ resolve, reject });
      this.tell({ order: 'reload' });
    });
  }

  /** Acknowledges what is under way and closes the store. */
  async stop(): Promise<void> {
    this.tell({ order: 'stop' });
    await this.ended;
  }

  /** At once, with everything that is under way. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  private tell(order: ShardOrder): void {
    // One that has ended hears nothing; whoever waits for it learns that from `ended`.
    if (this.child.connected) this.child.send(order, () => undefined);
  }

  private heed(message: ShardMessage): void {
    switch (message.kind) {
      case 'ready':
        this.onReady();
        break;
      case 'started':
        this.address = message.address;
        this.summary = message.summary;
        this.starting?.resolve();
        break;
      case 'refused':
        this.starting?.reject(fromCrossing(message.error));
        break;
      case 'reloaded': {
        const waiting = this.reloading.shift();
        if (message.error === undefined) waiting?.resolve();
        else waiting?.reject(fromCrossing(message.error));
        break;
      }
      case 'log': {
        const text = `${this.name}: ${message.message}`;
        if (message.level === 'error') this.logger.error(text, message.cause && fromCrossing(message.cause));
        else this.logger[message.level](text);
      }
    }
  }

  private fail(how: string): void {
    const error = new MessagingError('BROKER_ERROR', `The process of ${this.name} ${how}`, { retryable: true });
    this.starting?.reject(error);
    for (const waiting of this.reloading.splice(0)) waiting.reject(error);
  }
}
