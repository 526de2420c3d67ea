import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { MessagingClient } from '../../lib/client/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { createRequest, type Credentials, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { type Channel, type ClientTls, SigningConnector, TcpConnector } from '../../lib/remoting/index.js';
import { type BrokerSettings, type TlsSetting, WorkerBroker } from '../../lib/server/index.js';
import { sendHeader } from '../broker/harness.js';
import { certificatePath, pem } from '../certificates/files.js';
import { MemoryLogger } from '../remoting/support.js';
import { ACL, ADMIN, NOBODY, PRODUCER } from './access/accounts.js';

const platform = systemPlatform({ logger: silentLogger });
const ca = certificatePath('ca.pem');

describe('a broker in a thread of its own', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const open = async (settings: BrokerSettings, logger = silentLogger): Promise<WorkerBroker> => {
    const broker = await WorkerBroker.open(settings, systemPlatform({ logger }));
    cleanups.push(() => broker.close());
    return broker;
  };
  const addressOf = (broker: WorkerBroker): string => /listening on ([^;, ]+)/.exec(broker.summary())![1]!;
  const remote = async (
    broker: WorkerBroker,
    { tls = false, credentials }: { tls?: ClientTls | false; credentials?: Credentials },
  ): Promise<Channel> => {
    const tcp = new TcpConnector({ tls }, platform.clock);
    const connector = credentials === undefined ? tcp : new SigningConnector(tcp, credentials);
    const channel = await connector.connect(addressOf(broker));
    cleanups.push(() => channel.close());
    return channel;
  };
  const codeOf = async (channel: Channel, code: number, header: object, body?: Buffer): Promise<number> =>
    (await channel.invoke(createRequest(code, header, body), 5_000)).code;
  const send = (channel: Channel, topic = 'orders'): Promise<number> =>
    codeOf(channel, RequestCode.SEND_MESSAGE_V2, sendHeader(topic), Buffer.from('x'));

  it.each<[string, Omit<TlsSetting, 'mode'>]>([
    ['files', { key: certificatePath('server.key'), cert: certificatePath('server.pem') }],
    ['texts', { key: pem('server.key'), cert: pem('server.pem') }],
  ])('asks those of the network for TLS, with a certificate from %s, and not its own process', async (_what, own) => {
    const broker = await open({ memory: true, listen: 0, tls: { ...own, mode: 'enforcing' } });
    expect(broker.summary()).toContain('TLS enforcing');
    expect(await send(await remote(broker, { tls: { ca } }))).toBe(ResponseCode.SUCCESS);
    expect(await send(await remote(broker, {}))).toBe(ResponseCode.NO_PERMISSION);
    expect(await send(await broker.connector.connect(''))).toBe(ResponseCode.SUCCESS);
    const stranger = remote(broker, { tls: { ca: certificatePath('stranger-ca.pem') } });
    await expect(stranger).rejects.toMatchObject({ code: 'TLS_FAILED' });
    expect(inspect(await broker.report(5_000), { depth: 9 })).not.toContain('PRIVATE KEY');
  });

  it('does not start with a key of another certificate, and says so as one inline does', async () => {
    const tls = { key: certificatePath('client.key'), cert: certificatePath('server.pem') };
    await expect(open({ memory: true, listen: 0, tls })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('tls cannot be used'),
    });
  });

  it('gives each account of the network what it may, nobody anything without one, and its own process everything', async () => {
    const logger = new MemoryLogger();
    const broker = await open({ memory: true, listen: 0, topics: ['orders', 'other'], acl: ACL }, logger);
    const producer = await remote(broker, { credentials: PRODUCER });
    expect(await send(producer)).toBe(ResponseCode.SUCCESS);
    expect(await send(producer, 'other')).toBe(ResponseCode.NO_PERMISSION);
    const deletes = (channel: Channel): Promise<number> =>
      codeOf(channel, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'other' });
    expect(await deletes(producer)).toBe(ResponseCode.NO_PERMISSION);
    for (const credentials of [undefined, NOBODY, { ...PRODUCER, secretKey: 'not this one' }])
      expect(await send(await remote(broker, { credentials }))).toBe(ResponseCode.NO_PERMISSION);
    expect(await send(await broker.connector.connect(''), 'other')).toBe(ResponseCode.SUCCESS);
    expect(await deletes(await remote(broker, { credentials: ADMIN }))).toBe(ResponseCode.SUCCESS);
    const said = [broker.summary(), inspect(await broker.report(5_000), { depth: 9 }), ...logger.lines].join('\n');
    for (const { secretKey } of ACL.accounts as readonly Credentials[]) expect(said).not.toContain(secretKey);
  });

  it('stores a message once by its id, and still knows the id after its thread has crashed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nestmq-worker-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const dedup = { window: '1h', count: 1_000 };
    const broker = await open({
      store: join(folder, 'store'),
      segmentBytes: 8 * 1024 * 1024,
      topics: [{ name: 'orders', queues: 1, dedup }],
    });
    const options = { application: 'shop', nameServers: ['inside'], connector: broker.connector };
    const client = new MessagingClient(options, platform);
    cleanups.push(() => client.shutdown(1_000));
    await client.start();
    const sendOnce = (dedupId: string) =>
      client.producer.send(
        { topic: 'orders', body: Buffer.from(dedupId), dedupId },
        { retries: 5, timeoutMillis: 25_000 },
      );
    const first = await sendOnce('a');
    expect(first.duplicate).toBe(false);
    const place = { queueOffset: first.queueOffset, offsetMessageId: first.offsetMessageId };
    expect(await sendOnce('a')).toMatchObject({ duplicate: true, ...place });
    await broker['worker']!['worker'].terminate();
    expect(await sendOnce('a')).toMatchObject({ duplicate: true, ...place });
    expect(await sendOnce('b')).toMatchObject({ duplicate: false, queueOffset: first.queueOffset + 1 });
    const { host, restarts } = await broker.report(5_000);
    expect([restarts, host?.broker.duplicates, host?.broker.messagesIn]).toEqual([1, 1, 1]);
  });
});
