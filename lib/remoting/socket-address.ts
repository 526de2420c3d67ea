import { isIPv6, type Socket } from 'node:net';
import { MessagingError, UNIX_PREFIX } from '../protocol/index.js';

/** `ip:port` of the other end; an IPv6 address stands in brackets. */
export function socketAddress(socket: Socket): string {
  // Absent when the peer has reset the connection before we could ask.
  return formatAddress(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
}

export function formatAddress(host: string, port: number): string {
  // An IPv4 peer of a dual-stack socket looks like ::ffff:10.0.0.1.
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host;
  return isIPv6(plain) ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** The address of a socket in the file system, as `Connector.connect` takes it. */
export function unixAddress(path: string): string {
  return `${UNIX_PREFIX}${path}`;
}

/** The path of `unix:/path`; undefined for an address in the network. */
export function unixPath(address: string): string | undefined {
  return address.startsWith(UNIX_PREFIX) ? address.slice(UNIX_PREFIX.length) : undefined;
}

/** Reads `host:port` or `[ipv6]:port`; throws CONFIGURATION. */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(address.trim());
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw new MessagingError(
      'CONFIGURATION',
      `"${address}" is not an address: write host:port, for IPv6 [address]:port`,
    );
  }
  return { host: (match[1] ?? match[2])!, port };
}

/** The first bytes for an error message: as text if they are text, which shows an HTTP server at once. */
export function describeBytes(bytes: Buffer): string {
  const first = bytes.subarray(0, 16);
  const printable = first.every((byte) => byte >= 0x20 && byte < 0x7f);
  const firstWord = first.toString('latin1').split(/[\r\n]/)[0]!;
  if (printable || /^[\x20-\x7e]{4,}$/.test(firstWord)) return JSON.stringify(firstWord);
  return `the bytes ${first.toString('hex')}`;
}
