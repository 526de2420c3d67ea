import { MessagingError } from '../../../protocol/index.js';
import type { SqlDialect } from '../sql-adapter.js';

/** As much of a pool of pg as is used. */
interface PgPool {
  on(event: 'acquire', listener: (client: PgClient) => void): unknown;
}

interface PgClient {
  on(event: 'error', listener: () => void): unknown;
}

const guarded = new WeakSet<object>();

/**
 * Sees to it that what is under a database is a pool, and one whose connections may be cut.
 *
 * Drizzle takes connections out of a pool of pg without listening to their errors: one that ends between two statements of a
 * transaction would end the process. The error is not lost: the next statement rejects with it.
 */
export function checkPool(database: object, dialect: SqlDialect): void {
  const { $client: pool } = database as { $client?: object };
  // Drizzle's replicas and mocks name no client.
  if (typeof pool !== 'object') return;
  if (!('getConnection' in pool) && !('totalCount' in pool))
    throw new MessagingError(
      'CONFIGURATION',
      'drizzleAdapter: the database stands on a single connection, so that the transactions of all handlers would be one; ' +
        `give drizzle() a ${dialect === 'mysql' ? 'createPool(…) of mysql2' : 'Pool of pg'}`,
    );
  if (dialect === 'mysql' || guarded.has(pool)) return;
  guarded.add(pool);
  const clients = new WeakSet<object>();
  (pool as unknown as PgPool).on('acquire', (client) => {
    if (clients.has(client)) return;
    clients.add(client);
    client.on('error', () => {});
  });
}
