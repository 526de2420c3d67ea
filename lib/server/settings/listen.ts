import { parseAddress } from '../../remoting/index.js';
import { check, type Rule, type Rules, whole, wrong } from './rules.js';

/** Where the broker listens. */
export interface ListenSetting {
  /** Default `127.0.0.1`. Any address that others can reach needs `insecure: true`. */
  host?: string;
  /** Default 9876, 10911 for a broker with `nameServer`; 0 takes a free one. */
  port?: number;
}

/** A broker that answers as NameServer as well, and a NameServer alone. */
export const NAME_SERVER_PORT = 9876;
/** A broker that registers at NameServers. */
export const BROKER_PORT = 10911;
const LOOPBACK = '127.0.0.1';
/** Where clients look that are told no place. */
export const DEFAULT_NAME_SERVER = `${LOOPBACK}:${NAME_SERVER_PORT}`;

export const port: Rule = [isPort, 'a port from 0 to 65535'];
export const address: Rule = [isAddress, 'host:port, with a port above 0'];

const LISTEN_RULES: Rules<ListenSetting> = {
  host: [(value) => typeof value === 'string' && value !== '', 'an address'],
  port,
};

/** Where to listen; undefined for nowhere. `what` is named in errors. */
export function resolveListen(
  settings: { listen?: boolean | number | ListenSetting; insecure?: boolean; acl?: unknown },
  defaultPort: number,
  what: 'broker' | 'nameServer' = 'broker',
): { readonly host: string; readonly port: number } | undefined {
  const { listen } = settings;
  if (listen === undefined || listen === false) return undefined;
  if (listen === true) return { host: LOOPBACK, port: defaultPort };
  if (typeof listen === 'number') return { host: LOOPBACK, port: listen };
  check(`${what}.listen`, listen, LISTEN_RULES);
  const { host = LOOPBACK, port = defaultPort } = listen;
  if (!isLoopback(host) && settings.insecure !== true && settings.acl === undefined) {
    throw wrong(
      `${what}.listen would open ${host}:${port} to other machines, and nothing here asks who they are: whoever reaches the port can read and ` +
        `delete everything. Listen on 127.0.0.1, say who may do what with ${what}.acl, or set ${what}.insecure to true if the network itself is closed.`,
    );
  }
  return { host, port };
}

function isPort(value: unknown): boolean {
  return whole(value, 0, 65_535);
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    const { host, port } = parseAddress(value);
    return host !== '' && port > 0;
  } catch {
    return false;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
