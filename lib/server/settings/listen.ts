import { parseAddress } from '../../remoting/index.js';
import { check, type Rule, type Rules, whole, wrong } from './rules.js';

/** Where the broker listens. */
export interface ListenSetting {
  /** Default `127.0.0.1`. Any address that others can reach needs `insecure: true`. */
  host?: string;
  /** Default 9876; 0 takes a free one. */
  port?: number;
}

const DEFAULT_PORT = 9876;
const LOOPBACK = '127.0.0.1';

export const port: Rule = [isPort, 'a port from 0 to 65535'];
export const address: Rule = [isAddress, 'host:port, with a port above 0'];

const LISTEN_RULES: Rules<ListenSetting> = {
  host: [(value) => typeof value === 'string' && value !== '', 'an address'],
  port,
};

/** Where to listen; undefined for nowhere. `insecure` and `advertisedAddress` are those of the broker. */
export function resolveListen(settings: {
  listen?: boolean | number | ListenSetting;
  insecure?: boolean;
  advertisedAddress?: string;
}): { readonly host: string; readonly port: number } | undefined {
  const { listen } = settings;
  if (listen === undefined || listen === false) return undefined;
  if (listen === true) return { host: LOOPBACK, port: DEFAULT_PORT };
  if (typeof listen === 'number') return { host: LOOPBACK, port: listen };
  check('broker.listen', listen, LISTEN_RULES);
  const { host = LOOPBACK, port = DEFAULT_PORT } = listen;
  if (!isLoopback(host) && settings.insecure !== true) {
    throw wrong(
      `broker.listen would open ${host}:${port} to other machines, and nothing here asks who they are: whoever reaches the port can read and ` +
        'delete everything. Listen on 127.0.0.1, or set broker.insecure to true if the network itself is closed.',
    );
  }
  if (isWildcard(host) && settings.advertisedAddress === undefined) {
    throw wrong(
      `broker.listen on ${host} does not say where clients can connect to; set broker.advertisedAddress to host:port.`,
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

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
