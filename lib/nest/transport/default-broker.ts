import { DEFAULT_NAME_SERVER } from '../../server/index.js';
import type { MessagingConnectionOptions } from '../options/index.js';

/** A service that says nothing of its broker has one on its machine. What is no object is refused where it is checked. */
export function withBroker<T extends MessagingConnectionOptions>(options: T): T {
  if (typeof options !== 'object' || options === null) return options;
  if (options.nameServer !== undefined || options.broker !== undefined) return options;
  return { ...options, nameServer: DEFAULT_NAME_SERVER };
}
