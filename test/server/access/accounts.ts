import { silentLogger, systemPlatform } from '../../../lib/platform/index.js';
import type { Credentials } from '../../../lib/protocol/index.js';
import { type Channel, SigningConnector, TcpConnector } from '../../../lib/remoting/index.js';
import { type AclSetting, BrokerHost, type BrokerSettings } from '../../../lib/server/index.js';

export const platform = systemPlatform({ logger: silentLogger });

const secret = (name: string): Credentials => ({ accessKey: `${name}-key`, secretKey: `${name}-secret-4711` });

export const ADMIN = secret('admin-one');
export const PRODUCER = secret('producer');
export const CONSUMER = secret('consumer');
export const NOBODY = secret('nobody-yet');

export const ACL: AclSetting = {
  accounts: [
    { ...ADMIN, admin: true },
    { ...PRODUCER, topicPermissions: { orders: 'PUB' } },
    { ...CONSUMER, topicPermissions: { orders: 'SUB' }, groupPermissions: { billing: 'SUB' } },
    NOBODY,
  ],
};

export async function startGuarded(acl: AclSetting | string = ACL, more: BrokerSettings = {}): Promise<BrokerHost> {
  return BrokerHost.start({ memory: true, listen: 0, topics: ['orders', 'other'], acl, ...more }, platform);
}

export async function connectAs(credentials: Credentials | undefined, host: BrokerHost): Promise<Channel> {
  const tcp = new TcpConnector({}, platform.clock);
  const connector = credentials === undefined ? tcp : new SigningConnector(tcp, credentials);
  return connector.connect(host.address!);
}
