import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ConsumeMode } from '../../client/index.js';
import type { MessagingConnection } from './messaging-connection.js';

const unnamed = new WeakMap<MessagingConnection, string>();

/**
 * Who handles what is broadcast; undefined in other modes. Two that share a name would each skip what the other has handled:
 * without one of its own, an instance is new at every start.
 */
export function broadcastInstance(mode: ConsumeMode, connection: MessagingConnection): string | undefined {
  if (mode !== ConsumeMode.BROADCAST) return undefined;
  const { application, instance } = connection.options;
  if (instance !== undefined) return `${hostname()}/${application}/${instance}`;
  let name = unnamed.get(connection);
  if (name === undefined) unnamed.set(connection, (name = randomUUID()));
  return name;
}
