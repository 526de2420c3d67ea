import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { formatAddress, parseAddress } from '../../remoting/index.js';
import { type BrokerSettings, resolveSettings, type ResolvedSettings } from '../settings/broker-settings.js';
import { isWildcard, NAME_SERVER_PORT, resolveListen } from '../settings/listen.js';
import type { NameServerSettings } from '../settings/name-server-settings.js';
import { shown, whole, wrong } from '../settings/rules.js';

/** More processes than a machine has cores help nobody. */
export const MOST_SHARDS = 64;
const LAST_PORT = 65_535;
const LOOPBACK = '127.0.0.1';
const LOOPBACK_6 = '::1';

/** What several brokers under one address are told. */
export interface ShardedSettings {
  readonly shards: number;
  /** Absolute; of the NameServer and of all shards. */
  readonly store: string;
  readonly base: BrokerSettings;
  /** Of the NameServer; port 0 takes a free one, and so do the shards then. */
  readonly listen: { readonly host: string; readonly port: number };
}

/** @throws MessagingError CONFIGURATION naming the setting and why it makes no sense here. */
export function resolveShards(settings: BrokerSettings & { shards?: unknown }): ShardedSettings {
  const { shards, ...base } = settings;
  if (!whole(shards, 1, MOST_SHARDS))
    throw wrong(`broker.shards must be a whole number from 1 to ${MOST_SHARDS}, not ${shown(shards)}.`);
  const count = shards as number;
  if (base.memory === true)
    throw wrong(
      'broker.memory has no meaning with broker.shards: a shard that is started again would have lost its messages.',
    );
  if (base.nameServer !== undefined)
    throw wrong(
      'broker.nameServer has no meaning with broker.shards: the shards register at the NameServer that their parent is. ' +
        'Run brokers of their own names instead.',
    );
  const { registration: _registration, registerMillis: _registerMillis, ...plain } = base;
  const { store }: ResolvedSettings = resolveSettings(plain);
  const listen = resolveListen({ ...base, listen: base.listen ?? true }, NAME_SERVER_PORT)!;
  if (listen.port !== 0 && listen.port + count > LAST_PORT)
    throw wrong(
      `broker.listen.port ${listen.port} leaves no room for ${count} shards, which take the ports behind it; take one up to ${LAST_PORT - count}.`,
    );
  if (base.acl !== undefined && base.registration?.credentials === undefined)
    throw wrong(
      'broker.acl with broker.shards needs broker.registration.credentials: the accessKey and secretKey of an account that may ' +
        'administrate, by which the shards register.',
    );
  const resolved: ShardedSettings = { shards: count, store: resolve(store), base, listen };
  // Each of them is refused before any is started.
  resolveSettings(shardSettings(resolved, count - 1, formatAddress(LOOPBACK, NAME_SERVER_PORT), false));
  return resolved;
}

export function nameServerSettings({ store, base, listen }: ShardedSettings): NameServerSettings {
  const { tls, acl, insecure } = base;
  return { store: `${store}/namesrv`, listen, tls, acl, insecure };
}

export function shardName({ base }: ShardedSettings, index: number): string {
  return `${base.name ?? 'nestmq'}-${index}`;
}

export function shardStore({ store }: ShardedSettings, index: number): string {
  return `${store}/shard-${index}`;
}

/**
 * Of one shard.
 * @param isAdded It came later than others: topics of the settings are theirs, and keys would come over to queues here
 *   past messages that wait in the old ones.
 */
export function shardSettings(
  sharded: ShardedSettings,
  index: number,
  nameServer: string,
  isAdded: boolean,
): BrokerSettings {
  const { base, listen } = sharded;
  const port = listen.port === 0 ? 0 : listen.port + 1 + index;
  return {
    ...base,
    name: shardName(sharded, index),
    store: shardStore(sharded, index),
    share: false,
    listen: { host: listen.host, port },
    advertisedAddress: advertised(base.advertisedAddress, port, index),
    nameServer: reachable(nameServer),
    registration: registration(base),
    topics: isAdded ? [] : base.topics,
  };
}

/** Clients are told the NameServer's address; the ports of the shards follow on its own, as they do where they listen. */
function advertised(address: string | undefined, listened: number, index: number): string | undefined {
  if (address === undefined) return undefined;
  if (listened === 0)
    throw wrong(
      'broker.advertisedAddress with broker.shards needs a port to listen on, other than 0: the shards take those behind it.',
    );
  const { host, port } = parseAddress(address);
  if (port + 1 + index > LAST_PORT)
    throw wrong(
      `broker.advertisedAddress ${address} leaves no room for the ports of the shards, which follow on its own.`,
    );
  return formatAddress(host, port + 1 + index);
}

/** The NameServer as a process of the same machine reaches it. */
function reachable(bound: string): string {
  const { host, port } = parseAddress(bound);
  if (!isWildcard(host)) return bound;
  return formatAddress(isIPv6(host) ? LOOPBACK_6 : LOOPBACK, port);
}

/** Where plain connections are refused the shards speak TLS; with their own parent, so that no name has to be in its certificate. */
function registration({ registration, tls }: BrokerSettings): BrokerSettings['registration'] {
  if (tls?.mode !== 'enforcing' || registration?.tls !== undefined) return registration;
  return { ...registration, tls: { rejectUnauthorized: false } };
}
