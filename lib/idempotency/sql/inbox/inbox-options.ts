import type { PurgeOptions } from '../purge/purge-options.js';

/** @publicApi */
export interface SqlInboxOptions {
  /**
   * How rows are deleted whose time is over, by one of the processes that have a listener with such a store. False: not at
   * all, because something else does it. Default: each minute.
   */
  readonly purge?: PurgeOptions | false;
}
