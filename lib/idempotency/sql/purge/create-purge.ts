import { MessagingError } from '../../../protocol/index.js';
import type { SqlAdapter } from '../sql-adapter.js';
import { Purge } from './purge.js';
import { type PurgeOptions, resolvePurge } from './purge-options.js';
import type { PurgedTable } from './purged-table.js';

/** Undefined when the application has chosen to clean up itself. Throws CONFIGURATION for options that make no sense. */
export function createPurge<Tx>(
  where: string,
  adapter: SqlAdapter<Tx>,
  table: PurgedTable,
  options: PurgeOptions | false | undefined,
): Purge<Tx> | undefined {
  if (options === false) return undefined;
  if (options !== undefined && (typeof options !== 'object' || options === null))
    throw new MessagingError('CONFIGURATION', `${where}: purge must be false or an object, such as { interval: "5m" }`);
  return new Purge(adapter, table, resolvePurge(where, options ?? {}));
}

/** Rows over their time count as if they were not there; see ../schema/inbox-table.ts. */
export const PURGED_INBOX: PurgedTable = {
  name: 'nestmq_inbox',
  key: 'message_key',
  moment: 'expires_at',
  keepMillis: 0,
};
