import { type Platform, systemPlatform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { Channel, Connector } from '../../remoting/index.js';
import { BrokerHost } from '../broker-host.js';
import { Changes } from '../changes.js';
import { type BrokerSettings, resolveSettings } from '../settings/broker-settings.js';
import { storeLocked } from '../store-lock.js';
import { VERSION } from '../version.js';
import { HostBusyError, Joiner } from './joiner.js';
import { type ProcessIdentity, thisProcess } from './process-identity.js';
import { findSeat, type Seat, type SeatSettings, type Taken } from './seat.js';
import type { SharingHealth } from './sharing-health.js';

/** How long a taken lock without a host that answers is waited for. */
const PATIENCE_MILLIS = 15_000;
/** Between attempts: first quickly, since a host that goes is gone within moments, then with less effort. */
const POLL_MILLIS = 25;
const HURRY_MILLIS = 2_000;
const SLOW_POLL_MILLIS = 250;
/** After a start that failed here: others get the chance, and the log is not flooded. */
const FAILURE_PAUSE_MILLIS = 1_000;
/** How long a client that connects waits for a host. */
const CONNECT_MILLIS = 3_000;
/** So often a joined process asks whether the host is alive; it has the rest of the patience to answer. */
const GUARD_MILLIS = 5_000;

/**
 * The broker of a store, wherever on this machine it runs: in this process when it was the first to take the store's
 * lock, otherwise in the one that has it. When that one goes, another takes the lock, recovers the store and goes on;
 * clients see a connection that breaks, and can be opened again.
 */
export class SharedBroker {
  /** Leads every address to the broker, in process when this process hosts it. Waits a moment while nobody does. */
  readonly connector: Connector = { connect: (address) => this.connect(address) };
  private seat: Seat | undefined;
  private seeking: Promise<void> = Promise.resolve();
  private problem: MessagingError | undefined;
  private closing: Promise<void> | undefined;
  private readonly changes: Changes;

  /**
   * Resolves when messages can be sent. With `share: false`, or in memory, it is a broker of this process alone.
   * @param identity For tests that act as several processes.
   * @param clientsLive Whether a broker of this process has ended without its clients: in a thread of its own it does.
   * @throws MessagingError as `BrokerHost.start`; STORE_LOCKED naming the holder after 15 s without a host that answers,
   * at once when it is this process itself or the host has another store; STORE_NEWER for a host that this version cannot join.
   */
  static async open(
    settings: BrokerSettings = {},
    platform: Platform = systemPlatform(),
    identity: ProcessIdentity = thisProcess(),
    clientsLive = false,
  ): Promise<SharedBroker> {
    const resolved = resolveSettings(settings);
    const joiner = new Joiner(resolved.store, identity, platform);
    const broker = new SharedBroker({ given: settings, resolved, identity, joiner, platform, clientsLive });
    try {
      broker.take(
        resolved.share
          ? (await broker.seek(true))!
          : {
              kind: 'host',
              host: await BrokerHost.start(settings, platform, undefined, clientsLive),
              local: undefined,
            },
      );
    } catch (error) {
      await joiner.close();
      throw error;
    }
    return broker;
  }

  private constructor(private readonly settings: SeatSettings) {
    this.changes = new Changes(settings.platform.clock);
  }

  /** The broker, while it runs in this process. */
  get host(): BrokerHost | undefined {
    return this.seat?.kind === 'host' ? this.seat.host : undefined;
  }

  /** One line for the log: what is stored where, who hosts it, who can connect. */
  summary(): string {
    const { seat } = this;
    const { store } = this.settings.resolved;
    if (seat === undefined) return `nestmq ${VERSION}: no process hosts the store ${store} at the moment`;
    if (seat.kind === 'joined') {
      return `nestmq ${VERSION} has joined the broker of process ${seat.entry.pid}, which has the store ${store} open`;
    }
    const { local } = seat;
    return local === undefined
      ? seat.host.summary()
      : `${seat.host.summary()}; processes of this machine join through ${local.path}`;
  }

  /** Undefined for a broker of this process alone. */
  sharing(): SharingHealth | undefined {
    const { seat, problem } = this;
    if (!this.settings.resolved.share) return undefined;
    const role = seat?.kind ?? 'seeking';
    const own = this.settings.identity.pid;
    return {
      role,
      hostPid: seat === undefined ? undefined : seat.kind === 'host' ? own : seat.entry.pid,
      joined: seat?.kind === 'host' ? (seat.local?.joined ?? []) : [],
      problem: problem?.message,
    };
  }

  /** Leaves: a joined process just goes; a host acknowledges what is under way and makes place for the next one. */
  close(): Promise<void> {
    return (this.closing ??= this.leave());
  }

  private async leave(): Promise<void> {
    this.changes.end();
    await this.seeking;
    const { seat } = this;
    if (seat?.kind === 'joined') await seat.watch.close();
    if (seat?.kind === 'host') {
      seat.local?.leave();
      await seat.host.stop();
    }
    await this.settings.joiner.close();
  }

  private async connect(address: string): Promise<Channel> {
    const { clock } = this.settings.platform;
    const deadline = clock.monotonic() + CONNECT_MILLIS;
    let failure: unknown;
    while (this.closing === undefined) {
      const { seat } = this;
      if (seat?.kind === 'host') return seat.host.connector.connect(address);
      if (seat?.kind === 'joined') {
        try {
          return await this.settings.joiner.open(seat.entry, false);
        } catch (error) {
          failure = error;
        }
      }
      const left = deadline - clock.monotonic();
      if (left <= 0) throw this.noHost(failure);
      // That a host has gone is seen here first now and then: the channel that watches it closes a moment later.
      await this.changes.next(seat === undefined ? left : Math.min(left, POLL_MILLIS));
    }
    throw new MessagingError(
      'CONNECT_FAILED',
      `This process has left the store ${this.settings.resolved.store}; open it again.`,
    );
  }

  private noHost(failure: unknown): MessagingError {
    const { problem, settings } = this;
    const why = problem?.message ?? (failure as Error | undefined)?.message ?? 'another process is about to take over';
    return new MessagingError(
      'CONNECT_FAILED',
      `No process answers for the store ${settings.resolved.store} at the moment: ${why}`,
      { cause: problem ?? failure },
    );
  }

  /**
   * Tries until there is a seat; undefined when this is closed meanwhile.
   * @param first Whether what goes wrong is the caller's to know. Later on there is nobody to tell: it is logged, and tried again.
   */
  private async seek(first: boolean): Promise<Seat | undefined> {
    const { clock } = this.settings.platform;
    const began = clock.monotonic();
    let patienceEnds = began + PATIENCE_MILLIS;
    for (;;) {
      let pause = clock.monotonic() - began < HURRY_MILLIS ? POLL_MILLIS : SLOW_POLL_MILLIS;
      try {
        const found = await findSeat(first ? this.settings : { ...this.settings, clientsLive: false });
        if (found.kind !== 'taken') return found;
        const now = clock.monotonic();
        if (found.alive) patienceEnds = now + PATIENCE_MILLIS;
        if (now >= patienceEnds) throw this.impatient(found);
      } catch (error) {
        if (first) throw error;
        this.report(error as MessagingError);
        pause = FAILURE_PAUSE_MILLIS;
      }
      if (!(await this.changes.pause(pause))) return undefined;
    }
  }

  private impatient({ holder, why }: Taken): MessagingError {
    return storeLocked(
      this.settings.resolved.store,
      holder,
      `It was waited for to let this process join, or to go, for ${PATIENCE_MILLIS / 1000} s. ${why}`,
    );
  }

  private take(seat: Seat): void {
    this.seat = seat;
    this.problem = undefined;
    if (seat.kind === 'joined') {
      seat.watch.onClose(() => this.lost(seat));
      void this.guard(seat);
    }
    this.changes.tell();
  }

  private lost(seat: Seat): void {
    if (this.seat !== seat || this.closing !== undefined) return;
    this.seat = undefined;
    this.seeking = this.seekAgain((seat as Seat & { kind: 'joined' }).entry.pid);
  }

  private async seekAgain(gone: number): Promise<void> {
    const { clock, logger } = this.settings.platform;
    const since = clock.monotonic();
    const seat = await this.seek(false);
    if (seat === undefined) return;
    this.take(seat);
    if (this.closing !== undefined) return;
    const after = `Process ${gone} hosts the broker no longer; after ${Math.round(clock.monotonic() - since)} ms`;
    logger.log(`${after} this process ${seat.kind === 'host' ? 'does' : 'has found another'}. ${this.summary()}`);
  }

  /** A host that is stopped or stuck keeps its connections, and its lock: nobody can take over, but it can be said. */
  private async guard(seat: Seat & { kind: 'joined' }): Promise<void> {
    const { joiner, resolved, platform } = this.settings;
    while ((await this.changes.pause(GUARD_MILLIS)) && this.seat === seat) {
      try {
        await joiner.greet(seat.watch, true, PATIENCE_MILLIS - GUARD_MILLIS, seat.entry.pid);
        if (this.problem !== undefined) platform.logger.log(`Process ${seat.entry.pid} answers again.`);
        this.problem = undefined;
      } catch (error) {
        // Closed, or leaving and about to close: `lost` is told.
        if (error instanceof HostBusyError || seat.watch.closed || this.closing !== undefined) continue;
        const why = `It has the lock, and does not answer this process, which has joined it: ${(error as Error).message}.`;
        const { pid, hostName } = seat.entry;
        this.report(storeLocked(resolved.store, `process ${pid} on ${hostName}`, why));
      }
    }
  }

  private report(problem: MessagingError): void {
    // Once, and not with every attempt.
    if (problem.message !== this.problem?.message) this.settings.platform.logger.error(problem.message, problem);
    this.problem = problem;
  }
}
