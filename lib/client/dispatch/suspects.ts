import type { Platform, Timer } from '../../platform/index.js';
import type { ClientCounters } from '../counters.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import { ResponseError } from '../connection/response-error.js';
import type { FinalSettlement } from '../settle/settle.js';
import type { Suspicion } from './suspicion.js';

/** How long a suspect waits for the handlers that run already; one that takes longer runs beside it. */
const WAIT_MILLIS = 1000;
const LOOK_MILLIS = 10;
/** How long a suspect has the client to itself: a handler that hangs must not hold up everything else for ever. */
const ALONE_MILLIS = 5000;

const FIRST_PAUSE_MILLIS = 50;
const LONGEST_PAUSE_MILLIS = 1000;
/** A broker that refuses an announcement for a reason of its own, a full disk for example, is asked so often. */
const REFUSALS_BELIEVED = 3;
/** Refusals that pass: another suspect of this process is in a handler, or the broker comes and goes. */
const PASSING: ReadonlySet<string> = new Set(['BROKER_BUSY', 'SHUTTING_DOWN', 'GROUP_NOT_FOUND']);

/** The name of the class is what a dead letter shows as the class of its error. */
class ProcessKiller extends Error {
  static override readonly name = 'process-killer';

  constructor(deaths: number) {
    super(
      `The process has died ${deaths} times with this message unsettled, the last time while it was alone in a handler`,
    );
  }
}

interface Announcement {
  readonly queue: ProcessQueue;
  readonly suspicion: Suspicion;
  readonly offset: number;
}

/**
 * Messages that may have killed a process go into their handlers one at a time in the whole client, each announced
 * before and after: the next death then shows which one it was. Nothing else enters a handler meanwhile, because a death
 * is held against the suspect that was announced, whoever caused it.
 *
 * Only our own broker suspects anything (`ExtensionField.DEATHS`), and the file with the positions of a broadcast
 * instance; with other brokers this is never used.
 */
export class Suspects {
  /** Whether a suspect has the client to itself now: no other handler may start. */
  alone = false;
  private readonly listeners = new Set<() => void>();
  /** The last one in the line for its turn. */
  private last: Promise<void> = Promise.resolve();
  /** Announced, and the broker has not heard that it is done. It takes no suspect of another queue before. */
  private open: Announcement | undefined;

  constructor(
    private readonly platform: Platform,
    private readonly counters: ClientCounters,
  ) {}

  /** Calls back whenever other handlers may start again, until the returned function is called. */
  onFree(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Lets `work` handle and settle a suspect while no other handler starts; it gets the settlement of a message that is
   * convicted already and must not reach its handler. Resolves without having called it when the queue is taken away first.
   */
  async handle(delivery: Delivery, work: (verdict: FinalSettlement | undefined) => Promise<void>): Promise<void> {
    const { queue, queueOffset } = delivery;
    const suspicion = queue.suspicion!;
    const before = this.last;
    let leave = (): void => {};
    this.last = new Promise((resolve) => (leave = resolve));
    await before;
    try {
      if (queue.draining) return;
      if (queueOffset !== suspicion.killer) await this.handleAlone({ queue, suspicion, offset: queueOffset }, work);
      else {
        await work({ kind: 'dead-letter', error: new ProcessKiller(suspicion.deaths) });
        if (!delivery.settled) return;
        this.counters.processKillers++;
        // Were another suspect to strike before, this one would be a dead letter twice; in the same queue the two would
        // take turns for ever, since one killer per queue is remembered.
        await suspicion.leaveBehind(queue.committedOffset, queue.stopping);
      }
    } finally {
      leave();
    }
  }

  private async handleAlone(suspect: Announcement, work: (verdict: undefined) => Promise<void>): Promise<void> {
    const timer = await this.enter(suspect);
    try {
      if (!suspect.queue.draining) await work(undefined);
      await this.finish();
    } finally {
      timer.cancel();
      this.free();
    }
  }

  /** Gets the client for this suspect and says so; the timer gives it back to the others. */
  private async enter(suspect: Announcement): Promise<Timer> {
    const { clock } = this.platform;
    for (let tries = 1, pause = FIRST_PAUSE_MILLIS; ; tries++, pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS)) {
      this.alone = true;
      const timer = clock.after(WAIT_MILLIS + ALONE_MILLIS, () => this.free());
      await this.othersEnd(suspect.queue);
      if (suspect.queue.draining || (await this.announce(suspect, tries))) return timer;
      timer.cancel();
      this.free();
      await this.sleep(suspect.queue, pause);
    }
  }

  private async othersEnd(queue: ProcessQueue): Promise<void> {
    for (let waited = 0; waited < WAIT_MILLIS && this.counters.inFlight > 0 && !queue.draining; waited += LOOK_MILLIS)
      await this.sleep(queue, LOOK_MILLIS);
  }

  /** False: to be tried again. */
  private async announce(suspect: Announcement, tries: number): Promise<boolean> {
    if (this.open !== undefined && this.open.queue !== suspect.queue) await this.finish();
    try {
      await suspect.suspicion.announce(suspect.offset, false);
      this.open = suspect;
      return true;
    } catch (error) {
      const text = `The suspect at ${suspect.queue.key}:${suspect.offset} could not be announced: ${(error as Error).message}`;
      // Not suspected any more, or the broker was replaced by one that suspects nothing.
      const refused = error instanceof ResponseError && !PASSING.has(error.code);
      const unknown = refused && !error.retryable;
      const believed = refused && tries > REFUSALS_BELIEVED;
      if (believed) this.platform.logger.warn(`${text}; it is handled all the same`);
      else this.platform.logger.debug(text);
      return unknown || believed;
    }
  }

  // What the broker does not hear now it hears before the next suspect of another queue; one of the same replaces it.
  private async finish(): Promise<void> {
    const { open } = this;
    if (open === undefined) return;
    try {
      await open.suspicion.announce(open.offset, true);
    } catch (error) {
      if (!(error instanceof ResponseError) || error.retryable) {
        this.platform.logger.debug(`The broker was not told that a suspect is done: ${(error as Error).message}`);
        return;
      }
    }
    this.open = undefined;
  }

  private free(): void {
    if (!this.alone) return;
    this.alone = false;
    for (const listener of this.listeners) listener();
  }

  private async sleep(queue: ProcessQueue, milliseconds: number): Promise<void> {
    try {
      await this.platform.clock.sleep(milliseconds, queue.stopping);
    } catch {
      // The queue is taken away: whoever waits sees that by itself.
    }
  }
}
