import { resolve } from 'node:path';
import { type ListenSetting, NAME_SERVER_PORT, port, resolveListen } from './listen.js';
import { acl, type AclSetting, resolveAcl } from './acl.js';
import { check, concealing, flag, hidden, object, type Rule, type Rules, whole, wrong } from './rules.js';
import { type ResolvedTls, resolveTls, type TlsSetting } from './tls.js';

/** What a NameServer on its own is told when it starts; everything has a default. */
export interface NameServerSettings {
  /** Where clients and brokers connect: `true` for 127.0.0.1:9876, a port of 127.0.0.1, or host and port. Default `true`. */
  listen?: true | number | ListenSetting;
  /** Allows to listen on an address that other machines reach: nothing keeps them from changing routes. Default false. */
  insecure?: boolean;
  /** Encrypts connections, and asks for certificates if wanted. Default: none. */
  tls?: TlsSetting;
  /** Who may do what, or the path of a JSON file that says it. Default: everybody everything. */
  acl?: AclSetting | string;
  /** Directory for what administrators set down (`kvConfig.json`); created when absent. Default `./.nestmq-namesrv`. */
  store?: string;
  /** Keeps that in memory: it is gone when the process ends. Default false. */
  memory?: boolean;
  /** After which time without a registration a broker is forgotten, unless it says another one. Default 120,000 ms. */
  brokerExpiryMillis?: number;
  /** Between two looks for such brokers. Default 10,000 ms. */
  scanMillis?: number;
}

export interface ResolvedNameServerSettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: ResolvedTls | undefined;
  readonly acl: AclSetting | string | undefined;
  /** Absolute; undefined in memory. */
  readonly store: string | undefined;
  readonly brokerExpiryMillis: number;
  readonly scanMillis: number;
}

const DEFAULT_STORE = './.nestmq-namesrv';
const DAY = 86_400_000;

const interval: Rule = [(value) => whole(value, 100, DAY), `a number of milliseconds from 100 to ${DAY}`];

const RULES: Rules<NameServerSettings> = {
  listen: [(value) => value === true || port[0](value) || object[0](value), 'true, a port, or { host, port }'],
  insecure: flag,
  tls: hidden(object[0], 'an object'),
  acl,
  store: [(value) => typeof value === 'string' && value !== '' && !value.includes('\0'), 'the path of a directory'],
  memory: flag,
  brokerExpiryMillis: interval,
  scanMillis: interval,
};

/** @throws MessagingError CONFIGURATION naming the setting and what it may be. */
export function resolveNameServerSettings(settings: NameServerSettings = {}): ResolvedNameServerSettings {
  check('nameServer', settings, RULES);
  const { store = DEFAULT_STORE, memory = false, brokerExpiryMillis = 120_000, scanMillis = 10_000 } = settings;
  if (memory && settings.store !== undefined) {
    throw wrong('nameServer.store has no meaning with nameServer.memory: nothing is stored. Leave one of them out.');
  }
  const listen = resolveListen({ listen: true, ...settings }, NAME_SERVER_PORT, 'nameServer')!;
  const tls = resolveTls(settings.tls, true, 'nameServer.tls');
  const guarded = resolveAcl(settings.acl, true, 'nameServer.acl');
  const resolved: ResolvedNameServerSettings = {
    listen,
    tls,
    acl: guarded,
    store: memory ? undefined : resolve(store),
    brokerExpiryMillis,
    scanMillis,
  };
  return concealing(resolved, ['acl', 'tls']);
}
