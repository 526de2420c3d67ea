import { MessagingError } from '../../protocol/index.js';
import type { MessagingConnection, TransportHost } from '../connection/index.js';
import { refuseForShared, type ResolvedServerOptions } from './server-options.js';

const DEFAULT = 'default';

/**
 * The connection of `MessagingModule` that a server consumes with; undefined for one of its own.
 *
 * | said             | with MessagingModule                              | without           |
 * |------------------|---------------------------------------------------|-------------------|
 * | `connection`     | that one                                          | refused           |
 * | `nameServer`     | one of its own                                    | one of its own    |
 * | `broker`         | the one with that store, otherwise one of its own | one of its own    |
 * | none of them     | `default`, or the only one                        | 127.0.0.1:9876    |
 */
export function sharedConnection(
  options: ResolvedServerOptions,
  host: TransportHost | undefined,
  storePath: string | undefined,
): MessagingConnection | undefined {
  const { connection, placed, ofOwn } = options;
  if (host === undefined) {
    if (connection === undefined) return undefined;
    throw new MessagingError(
      'CONFIGURATION',
      `MessagingServer: there is no connection ${connection}, for the application does not import MessagingModule; ` +
        'import it, or give nameServer or broker',
    );
  }
  const { connections } = host;
  if (connection !== undefined) return connections.get(connection, 'MessagingServer');
  if (placed === 'elsewhere') return undefined;
  const all = connections.all();
  const found =
    placed === 'inside'
      ? all.find((known) => storePath !== undefined && known.storePath === storePath)
      : (all.find(({ name }) => name === DEFAULT) ?? (all.length === 1 ? all[0] : undefined));
  if (found === undefined) {
    if (placed === 'inside' || all.length === 0) return undefined;
    const known = all.map(({ name }) => name).join(', ');
    throw new MessagingError(
      'CONFIGURATION',
      `MessagingServer: say which connection it consumes with; known: ${known}`,
    );
  }
  refuseForShared(found.name, ofOwn);
  return found;
}
