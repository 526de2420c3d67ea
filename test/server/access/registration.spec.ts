import { afterEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { createRequest, RequestCode, ResponseCode } from '../../../lib/protocol/index.js';
import { SigningConnector, TcpConnector } from '../../../lib/remoting/index.js';
import { BrokerHost, type BrokerSettings, NameServerHost } from '../../../lib/server/index.js';
import { certificatePath } from '../../certificates/files.js';
import { ADMIN, NOBODY, platform, PRODUCER } from './accounts.js';

const tls = { mode: 'enforcing' as const, key: certificatePath('server.key'), cert: certificatePath('server.pem') };
const ca = certificatePath('ca.pem');
const acl = {
  accounts: [{ ...ADMIN, admin: true }, { ...PRODUCER, topicPermissions: { orders: 'PUB' as const } }, NOBODY],
};

describe('a NameServer with access control and TLS', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(registration: BrokerSettings['registration']): Promise<NameServerHost> {
    const names = await NameServerHost.start({ listen: 0, memory: true, acl, tls }, platform);
    cleanups.push(() => names.stop());
    const settings = {
      memory: true,
      listen: 0,
      name: 'a',
      topics: ['orders'],
      nameServer: names.address,
      registration,
    };
    const host = await BrokerHost.start(settings, platform);
    cleanups.push(() => host.stop());
    expect(inspect(host, { depth: 9 })).not.toContain(ADMIN.secretKey);
    expect(inspect(names, { depth: 9 })).not.toContain(ADMIN.secretKey);
    return names;
  }

  async function route(names: NameServerHost, credentials = PRODUCER, topic = 'orders'): Promise<number> {
    const connector = new SigningConnector(new TcpConnector({ tls: { ca } }, platform.clock), credentials);
    const channel = await connector.connect(names.address);
    const response = await channel.invoke(createRequest(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic }), 5000);
    await channel.close();
    return response.code;
  }

  it('takes the registration of a broker with an account that may, and tells clients their routes', async () => {
    const names = await start({ credentials: ADMIN, tls: { ca } });
    expect(names.summary()).toContain('access control');
    expect(await route(names)).toBe(ResponseCode.SUCCESS);
    expect(await route(names, NOBODY)).toBe(ResponseCode.NO_PERMISSION);
    expect(await route(names, PRODUCER, 'wages')).toBe(ResponseCode.NO_PERMISSION);
  });

  it.each([
    ['no account', { tls: { ca } }],
    ['an account that may not', { credentials: PRODUCER, tls: { ca } }],
    ['no TLS', { credentials: ADMIN }],
    ['no trust in its certificate', { credentials: ADMIN, tls: true }],
  ])('knows no broker that registers with %s', async (_what, registration) => {
    const names = await start(registration);
    expect(await route(names)).toBe(ResponseCode.TOPIC_NOT_EXIST);
    expect(names.health().brokers).toBe(0);
  });

  it('is nothing to connect to without one', async () => {
    const refused = BrokerHost.start({ memory: true, listen: 0, registration: { tls: true } }, platform);
    await expect(refused).rejects.toThrow(/registration has no meaning without nameServer/);
  });
});
