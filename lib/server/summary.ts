import type { ResolvedSettings } from './settings/broker-settings.js';
import { VERSION } from './version.js';

/** The start line of a broker. */
export function describeHost(settings: ResolvedSettings, address: string | undefined, advertised: string): string {
  const parts = [`nestmq ${VERSION} broker ${settings.name}`, describeStore(settings)];
  if (address === undefined) parts.push('no port opened');
  else {
    parts.push(
      advertised === address ? `listening on ${address}` : `listening on ${address}, known to clients as ${advertised}`,
    );
    if (settings.tls !== undefined) parts.push(`TLS ${settings.tls.mode}`);
    parts.push(settings.acl === undefined ? 'no access control' : 'access control');
  }
  if (settings.nameServers !== undefined) parts.push(`registers at the NameServer ${settings.nameServers.join(', ')}`);
  return parts.join('; ');
}

function describeStore({ memory, store, flush }: ResolvedSettings): string {
  if (memory) return 'in memory: every message is lost when the process ends';
  return flush === 'sync'
    ? `store ${store}, synced before acknowledged: a crash or power cut loses nothing acknowledged`
    : `store ${store}, flush async: a power cut loses what was acknowledged in the last 500 ms`;
}
