import type { Pool, PoolClient } from 'pg';

/** An application's own way to write: commits what `work` has written, or nothing of it. */
export async function transact<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // Cut while a statement is out: that statement rejects, and nobody else has to hear of it.
  const ignore = (): void => undefined;
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const value = await work(client);
    await client.query('COMMIT');
    return value;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    client.off('error', ignore);
    // Not back into the pool with a transaction open: the server ends it together with its connection.
    client.release(broken);
  }
}
