import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { formatAddress, parseAddress } from '../remoting/index.js';
import { isWildcard } from './settings/listen.js';
import { wrong } from './settings/rules.js';

type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * Where clients are told to connect to when nothing else is set: what is listened on; when that is every address, the
 * host's first one that others reach. Only IPv4: clients of RocketMQ for Go cannot read others in routes.
 * @throws MessagingError CONFIGURATION when the host has none.
 */
export function advertisedAddress(bound: string, interfaces: Interfaces = networkInterfaces()): string {
  const { host, port } = parseAddress(bound);
  if (!isWildcard(host)) return bound;
  for (const addresses of Object.values(interfaces)) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family === 'IPv4' && !internal) return formatAddress(address, port);
    }
  }
  throw wrong(
    `broker.listen on ${host} does not say where clients can connect to, and this host has no IPv4 address that others reach; ` +
      'set broker.advertisedAddress to host:port.',
  );
}

/** Records and message ids hold an address in numbers; for a name that clients are told stands what it would be without. */
export function storeHostOf(advertised: string, bound: string): string {
  const { host, port } = parseAddress(advertised);
  return isIP(host) === 0 ? advertisedAddress(bound) : formatAddress(host, port);
}
