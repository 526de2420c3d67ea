import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ConsumeMode } from '../../client/index.js';
import type { DeliveringListener } from '../../idempotency/index.js';
import type { MessagingConnection } from './messaging-connection.js';

/** What the connection does not know of a listener. */
type Told = Pick<DeliveringListener, 'name' | 'group' | 'delivery' | 'options' | 'severalMethods'>;

const unnamed = new WeakMap<MessagingConnection, string>();

/** A listener as interceptors know it that handle messages once. */
export function deliveringListener(told: Told, mode: ConsumeMode, connection: MessagingConnection): DeliveringListener {
  return {
    ...told,
    connection: connection.name,
    instance: broadcastInstance(mode, connection),
    clock: connection.clock,
    logger: connection.loggerFor(told.name),
    outcomes: connection.idempotency,
    defaults: connection.options.idempotency,
    uses: (store) => connection.stores.use(store),
  };
}

/**
 * Who handles what is broadcast; undefined in other modes. Two that share a name would each skip what the other has handled:
 * without one of its own, an instance is new at every start.
 */
function broadcastInstance(mode: ConsumeMode, connection: MessagingConnection): string | undefined {
  if (mode !== ConsumeMode.BROADCAST) return undefined;
  const { application, instance } = connection.options;
  if (instance !== undefined) return `${hostname()}/${application}/${instance}`;
  let name = unnamed.get(connection);
  if (name === undefined) unnamed.set(connection, (name = randomUUID()));
  return name;
}
