import type { Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { Channel, Connector } from '../../remoting/index.js';
import { Changes } from '../changes.js';
import type { BrokerSettings } from '../settings/broker-settings.js';
import { checkEmbedded } from '../settings/embedded.js';
import { thisProcess } from '../sharing/process-identity.js';
import { VERSION } from '../version.js';
import { BrokerWorker } from './broker-worker.js';
import { checkPlatform } from './check-platform.js';
import type { ThreadReport, ThreadStart } from './thread-messages.js';

/** How long a client that connects waits for a thread that is being started again. */
const CONNECT_MILLIS = 3_000;
/** Before a thread that has crashed is started again: at once almost, then each time twice as long. */
const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 10_000;
/** A thread that has lived so long did not crash because of its start. */
const LONG_LIFE_MILLIS = 60_000;

/** What a broker in a thread of its own says of itself. */
export interface WorkerReport extends Partial<ThreadReport> {
  /** Why there is no thread, or why it says nothing. */
  readonly problem: string | undefined;
  /** How often the thread has crashed and was started again. */
  readonly restarts: number;
}

/**
 * An embedded broker in a worker thread: it takes none of the host's event loop but what its clients take. A thread that
 * crashes is started again, with growing pauses; clients see a connection that breaks and can be opened again, as with
 * a broker elsewhere that was restarted. The store is what was acknowledged; what a broker in memory had is lost.
 */
export class WorkerBroker {
  /** Leads every address to the broker. Waits a moment while its thread is being started again. */
  readonly connector: Connector = { connect: (address) => this.connect(address) };
  private worker: BrokerWorker | undefined;
  private startedAt = 0;
  private crashes = 0;
  private restarts = 0;
  private problem: MessagingError | undefined;
  private restarting: Promise<void> = Promise.resolve();
  private closing: Promise<void> | undefined;
  private readonly changes: Changes;

  /**
   * Resolves when messages can be sent.
   * @throws MessagingError as `SharedBroker.open`; CONFIGURATION naming what cannot cross to another thread.
   */
  static async open(settings: BrokerSettings, platform: Platform): Promise<WorkerBroker> {
    checkEmbedded({ ...settings, run: 'worker' });
    checkPlatform(platform);
    const broker = new WorkerBroker({ settings, identity: thisProcess(), again: false }, platform);
    await broker.startThread(false);
    return broker;
  }

  private constructor(
    private readonly given: ThreadStart,
    private readonly platform: Platform,
  ) {
    this.changes = new Changes(platform.clock);
  }

  /** One line for the log: what is stored where, who hosts it, who can connect. */
  summary(): string {
    return this.worker === undefined
      ? `nestmq ${VERSION}: the thread of the broker has crashed and is being started again`
      : `${this.worker.summary}; the broker has a thread of its own`;
  }

  /** Asks the thread. Never rejects; without an answer there is the problem only. */
  async report(patienceMillis: number): Promise<WorkerReport> {
    const { worker, restarts } = this;
    if (worker === undefined) return { problem: this.whyNot(), restarts };
    const waited = new AbortController();
    const late = this.platform.clock.sleep(patienceMillis, waited.signal).then(
      () => ({ problem: `the thread of the broker has not answered for ${patienceMillis} ms`, restarts }),
      () => undefined,
    );
    const asked = worker.report().then(
      (report) => ({ ...report, problem: undefined, restarts }),
      (error: unknown) => ({ problem: (error as Error).message, restarts }),
    );
    const report = await Promise.race([asked, late]);
    waited.abort();
    return report!;
  }

  /** Acknowledges what is under way, closes the store and ends the thread. */
  close(): Promise<void> {
    return (this.closing ??= this.end());
  }

  private async end(): Promise<void> {
    this.changes.end();
    await this.restarting;
    await this.worker?.close();
  }

  private async startThread(again: boolean): Promise<void> {
    const { platform, given } = this;
    this.worker = await BrokerWorker.start({ ...given, again }, platform, (reason) => this.crashed(reason));
    this.startedAt = platform.clock.monotonic();
    this.problem = undefined;
    this.changes.tell();
  }

  private crashed(reason: MessagingError): void {
    if (this.closing !== undefined) return;
    this.worker = undefined;
    const { clock, logger } = this.platform;
    if (clock.monotonic() - this.startedAt >= LONG_LIFE_MILLIS) this.crashes = 0;
    this.crashes++;
    this.problem = reason;
    const lost = this.given.settings.memory === true ? ' Whatever the broker had in memory is lost.' : '';
    logger.error(`${reason.message}. It is started again.${lost}`, reason.cause);
    this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    const { clock, logger } = this.platform;
    const since = clock.monotonic();
    let pause = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** (this.crashes - 1));
    while (await this.changes.pause(pause)) {
      try {
        await this.startThread(true);
        this.restarts++;
        logger.log(`After ${Math.round(clock.monotonic() - since)} ms: ${this.summary()}`);
        return;
      } catch (error) {
        // Once, and not with every attempt.
        const problem = error as MessagingError;
        if (problem.message !== this.problem?.message) logger.error(problem.message, problem);
        this.problem = problem;
        pause = Math.min(LONGEST_PAUSE_MILLIS, pause * 2);
      }
    }
  }

  private async connect(address: string): Promise<Channel> {
    const { clock } = this.platform;
    const deadline = clock.monotonic() + CONNECT_MILLIS;
    while (this.closing === undefined) {
      if (this.worker !== undefined) return this.worker.connect(address);
      const left = deadline - clock.monotonic();
      if (left <= 0) throw new MessagingError('CONNECT_FAILED', this.whyNot(), { cause: this.problem });
      await this.changes.next(left);
    }
    throw new MessagingError('CONNECT_FAILED', 'The broker of this process has been stopped; start another one.');
  }

  private whyNot(): string {
    return `The thread of the broker is being started again: ${this.problem?.message ?? 'it has crashed'}`;
  }
}
