import type { Pool } from 'pg';
import { MessagingError } from '../../../protocol/index.js';

/** Takes one connection of the pool for as long as it listens: a notification goes to the session that asked for it. */
export async function listen(
  pool: Pool,
  channel: string,
  heard: () => void,
  lost: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  // It becomes part of a statement.
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel))
    throw new MessagingError('BAD_ARGUMENT', `A channel is called by small letters, digits and _, not "${channel}"`);
  signal.throwIfAborted();
  const client = await pool.connect();
  let open = true;
  let listening = false;
  const close = (error: Error | true): boolean => {
    if (!open) return false;
    open = false;
    signal.removeEventListener('abort', onAbort);
    client.off('notification', onNotification);
    client.off('error', onLost);
    client.off('end', onEnd);
    // Closed and not given back: the next user of the connection would have to bear our notifications.
    client.release(error);
    return true;
  };
  const onAbort = (): void => void close(true);
  const onNotification = (notification: { channel: string }): void => {
    if (notification.channel === channel) heard();
  };
  const onLost = (error: Error): void => {
    if (close(error) && listening) lost(error);
  };
  const onEnd = (): void => onLost(new Error(`The connection that listens to ${channel} has ended`));
  client.on('notification', onNotification);
  client.on('error', onLost);
  client.on('end', onEnd);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    await client.query(`LISTEN ${channel}`);
    signal.throwIfAborted();
    listening = true;
  } catch (error) {
    close(true);
    throw error;
  }
}
