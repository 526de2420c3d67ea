import type { Clock, Logger, Random } from '../platform/index.js';

/** What a store with work of its own gets of the application that it runs in. @publicApi */
export interface StoreHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * A store that does something beside the messages, such as cleaning up. It runs while an application that uses it does: each
 * connection that uses it starts it and stops it once, and several may use one. Any store of listeners may have these two.
 *
 * @publicApi
 */
export interface RunningStore {
  start(host: StoreHost): void;
  /** Resolves when nothing of it uses the database any more. */
  stop(): Promise<void>;
}

export function isRunningStore(store: object): store is RunningStore {
  const { start, stop } = store as Partial<RunningStore>;
  return typeof start === 'function' && typeof stop === 'function';
}
