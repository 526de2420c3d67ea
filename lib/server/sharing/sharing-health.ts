import type { JoinedProcess } from './joined-processes.js';

/** Who hosts the broker of a store, seen from one process. */
export interface SharingHealth {
  /** `host`: this process; `joined`: another one; `seeking`: nobody at the moment, as far as is known. */
  readonly role: 'host' | 'joined' | 'seeking';
  /** Process id of the host; undefined while there is none. */
  readonly hostPid: number | undefined;
  /** The other processes that work with the broker, when this process hosts it. */
  readonly joined: readonly JoinedProcess[];
  /** Why there is no host, or what is wrong with it. */
  readonly problem: string | undefined;
}
