import type { ProcessIdentity } from './process-identity.js';

/** What a host writes into the lock file, so that other processes find it. */
export interface LockEntry extends ProcessIdentity {
  /** Path of the local socket. */
  readonly socket: string;
}

/** JSON, with the names of a lock's own first description (`pid`, `host`, `since`), by which its holder is shown. */
export function encodeLockEntry({ pid, hostName, startedAt, socket }: LockEntry, since: Date): string {
  return JSON.stringify({ pid, host: hostName, since: since.toISOString(), startedAt, socket });
}

/**
 * Undefined for what is no entry of a host: half written, of a broker that does not share its store, or of one that has
 * taken the lock and opens its socket yet.
 */
export function decodeLockEntry(text: string): LockEntry | undefined {
  try {
    const { pid, host, startedAt, socket } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof startedAt !== 'number') return undefined;
    return typeof socket === 'string' && socket !== '' ? { pid, hostName: host, startedAt, socket } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the holder is this process, as far as a lock without an entry tells: only pid and host name stand there. */
export function isHeldBy(text: string, { pid, hostName, startedAt }: ProcessIdentity): boolean {
  try {
    const held = JSON.parse(text) as Record<string, unknown>;
    return held['pid'] === pid && held['host'] === hostName && (held['startedAt'] ?? startedAt) === startedAt;
  } catch {
    return false;
  }
}
