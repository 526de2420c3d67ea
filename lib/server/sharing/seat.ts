import { type FileLock, NodeFileSystem, type Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import { BrokerHost } from '../broker-host.js';
import type { BrokerSettings, ResolvedSettings } from '../settings/broker-settings.js';
import { describeHolder, tryLockStore } from '../store-lock.js';
import { HostBusyError, type Joiner } from './joiner.js';
import { LocalServer } from './local-server.js';
import { decodeLockEntry, encodeLockEntry, isHeldBy, type LockEntry } from './lock-entry.js';
import type { ProcessIdentity } from './process-identity.js';

/** What a process is on a store. */
export type Seat =
  /** It has the lock, and the broker. `local` is undefined where nobody can join. */
  | { readonly kind: 'host'; readonly host: BrokerHost; readonly local: LocalServer | undefined }
  /** Another one has; `watch` closes when that one goes. */
  | { readonly kind: 'joined'; readonly entry: LockEntry; readonly watch: Channel };

/** Nobody could be joined. */
export interface Taken {
  readonly kind: 'taken';
  /** What the lock file says. */
  readonly holder: string;
  /** Whether the holder has just answered, and asked for patience. */
  readonly alive: boolean;
  readonly why: string;
}

/** What it takes to find a seat. */
export interface SeatSettings {
  /** As given, for the host that this process may become. */
  readonly given: BrokerSettings;
  readonly resolved: ResolvedSettings;
  readonly identity: ProcessIdentity;
  readonly joiner: Joiner;
  readonly platform: Platform;
  /** Whether the broker of this process has ended without its clients, and nobody has hosted the store since. */
  readonly clientsLive: boolean;
}

/**
 * One attempt: takes the lock and starts the broker, or joins who has it. The kernel gives the lock to one process only,
 * so there is never more than one host, whatever the lock file says.
 * @throws MessagingError when the broker cannot start (the lock is free again then), or the host takes no such process in.
 */
export async function findSeat(settings: SeatSettings): Promise<Seat | Taken> {
  const { resolved, platform } = settings;
  const lock = await tryLockStore(platform.fileSystem, resolved.store);
  return 'holder' in lock ? join(settings, lock.holder) : host(settings, lock);
}

async function host({ given, resolved, identity, platform, clientsLive }: SeatSettings, lock: FileLock): Promise<Seat> {
  let local: LocalServer | undefined;
  // Whoever gets the lock next may make its socket at the same path.
  const release = async (): Promise<void> => {
    try {
      await local?.close();
    } finally {
      await lock.release();
    }
  };
  try {
    if (canShare(platform)) local = await LocalServer.open(resolved.store, identity, platform);
    if (local !== undefined) {
      const entry = encodeLockEntry({ ...identity, socket: local.path }, new Date(platform.clock.now()));
      await lock.describe(entry).catch((error: unknown) => sharesNot(resolved.store, platform, error));
    }
  } catch (error) {
    await release();
    throw error;
  }
  const started = await BrokerHost.start(
    given,
    platform,
    { describe: (text) => lock.describe(text), release },
    clientsLive,
  );
  local?.serve(started);
  return { kind: 'host', host: started, local };
}

async function join({ resolved, identity, joiner, platform }: SeatSettings, holder: string): Promise<Seat | Taken> {
  if (isHeldBy(holder, identity)) {
    throw new MessagingError(
      'STORE_LOCKED',
      `The store ${resolved.store} is in use by this process itself (${describeHolder(holder)}). Use one connection for it, or give ` +
        'one of them another broker.store.',
    );
  }
  const taken = (why: string, alive = false): Taken => ({ kind: 'taken', holder, alive, why });
  const entry = decodeLockEntry(holder);
  if (!canShare(platform)) return taken('A store on Windows cannot be shared.');
  if (entry === undefined) return taken('That process does not share it.');
  try {
    return { kind: 'joined', entry, watch: await joiner.open(entry, true) };
  } catch (error) {
    if (error instanceof HostBusyError) return taken(`It says: ${error.message}.`, true);
    const { code, message } = error as MessagingError;
    if (code !== 'CONNECT_FAILED' && code !== 'CHANNEL_CLOSED' && code !== 'TIMEOUT') throw error;
    return taken(`It did not answer: ${message}.`);
  }
}

/** Whether there can be sockets where the store lies. Windows has no such sockets that only one user can reach. */
function canShare({ fileSystem }: Platform): boolean {
  return fileSystem instanceof NodeFileSystem && process.platform !== 'win32';
}

/** A full disk keeps the entry from being written; the host is more important than those who could join it. */
function sharesNot(store: string, platform: Platform, error: unknown): void {
  platform.logger.warn(
    `Other processes cannot join the broker of the store ${store}: the lock file could not be written. ${(error as Error).message}`,
  );
}
