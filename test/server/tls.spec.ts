import { afterEach, describe, expect, it } from '@jest/globals';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { createRequest, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { TcpConnector, type ClientTls } from '../../lib/remoting/index.js';
import { BrokerHost, type BrokerSettings, type TlsSetting } from '../../lib/server/index.js';
import { certificatePath } from '../certificates/files.js';

const platform = systemPlatform({ logger: silentLogger });
const own = { key: certificatePath('server.key'), cert: certificatePath('server.pem') };
const ca = certificatePath('ca.pem');

describe('TLS of a broker host', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(tls: TlsSetting, more: BrokerSettings = {}): Promise<BrokerHost> {
    const host = await BrokerHost.start({ memory: true, listen: 0, tls, ...more }, platform);
    cleanups.push(() => host.stop());
    return host;
  }

  async function clusterInfo(host: BrokerHost, tls: ClientTls | false): Promise<number> {
    const channel = await new TcpConnector({ tls }, platform.clock).connect(host.address!);
    const response = await channel.invoke(createRequest(RequestCode.GET_BROKER_CLUSTER_INFO, {}), 5000);
    await channel.close();
    return response.code;
  }

  it('is on the port that is listened on, beside plain connections unless enforced', async () => {
    const permissive = await start(own);
    expect(permissive.summary()).toContain('TLS permissive');
    expect(await clusterInfo(permissive, { ca })).toBe(ResponseCode.SUCCESS);
    expect(await clusterInfo(permissive, false)).toBe(ResponseCode.SUCCESS);
    const enforcing = await start({ ...own, mode: 'enforcing' });
    expect(await clusterInfo(enforcing, { ca })).toBe(ResponseCode.SUCCESS);
    expect(await clusterInfo(enforcing, false)).toBe(ResponseCode.NO_PERMISSION);
    const disabled = await start({ ...own, mode: 'disabled' });
    expect(disabled.summary()).not.toContain('TLS');
    await expect(clusterInfo(disabled, { ca })).rejects.toThrow(/TLS/);
  });

  it('reads renewed files when told to, and keeps what it has when they are wrong', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nestmq-tls-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const use = async (name: string): Promise<void> => {
      await copyFile(certificatePath(`${name}.key`), join(folder, 'key'));
      await copyFile(certificatePath(`${name}.pem`), join(folder, 'cert'));
    };
    await use('elsewhere');
    const host = await start({ key: join(folder, 'key'), cert: join(folder, 'cert') });
    await expect(clusterInfo(host, { ca })).rejects.toMatchObject({ code: 'TLS_FAILED' });
    await use('renewed');
    await host.reload();
    expect(await clusterInfo(host, { ca })).toBe(ResponseCode.SUCCESS);
    await copyFile(certificatePath('server.key'), join(folder, 'key'));
    await expect(host.reload()).rejects.toMatchObject({ code: 'CONFIGURATION' });
    await writeFile(join(folder, 'key'), 'no key at all');
    await expect(host.reload()).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.not.stringContaining('no key at all'),
    });
    expect(await clusterInfo(host, { ca })).toBe(ResponseCode.SUCCESS);
  });

  it.each<[string, TlsSetting, BrokerSettings, RegExp]>([
    ['without a port', own, { listen: false }, /tls has no meaning without a port/],
    ['without a key', { cert: own.cert } as TlsSetting, {}, /tls needs key and cert/],
    ['a file that is not there', { ...own, key: '/nowhere/key.pem' }, {}, /broker\.tls\.key .*ENOENT.*nowhere/],
    ['a key of another certificate', { ...own, key: certificatePath('client.key') }, {}, /tls cannot be used/],
    ['an unknown mode', { ...own, mode: 'always' as 'enforcing' }, {}, /'permissive' or 'enforcing'/],
    [
      'certificates of clients from nobody',
      { ...own, requestClientCertificate: 'require' },
      {},
      /needs broker\.tls\.ca/,
    ],
    ['an unknown setting', { ...own, cipher: 'none' } as TlsSetting, {}, /broker\.tls has no setting "cipher"/],
  ])('is refused with %s', async (_what, tls, more, text) => {
    await expect(start(tls, more)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(text),
    });
  });
});
