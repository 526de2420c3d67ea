import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConsumeMode, MessagingClient } from '../../lib/client/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { TcpConnector } from '../../lib/remoting/index.js';
import { freePort } from '../support/free-port.js';
import { type CommandProcess, Commands } from './command.js';
import { runInside } from './inside.js';

const SMALL = ['--segment-bytes', '8m', '--port', '0'];

describe('nestmq broker --shards', () => {
  const commands = new Commands();
  const clients: MessagingClient[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.shutdown(0)));
    await commands.cleanUp();
  });

  const start = (store: string, shards: number, ...args: string[]): CommandProcess =>
    commands.start(['broker', '--store', store, '--shards', String(shards), ...SMALL, ...args]);
  const refusal = async (...args: string[]): Promise<{ code: number | string; stderr: string }> => {
    const { code, stderr } = await runInside(['broker', ...args]);
    return { code, stderr };
  };
  const connect = async (broker: CommandProcess): Promise<MessagingClient> => {
    const [, address] = await broker.sees(/; listening on (127\.0\.0\.1:\d+)/);
    const platform = systemPlatform({ logger: silentLogger });
    const client = new MessagingClient(
      { application: 'cli', nameServers: [address!], connector: new TcpConnector({}, platform.clock) },
      platform,
    );
    clients.push(client);
    await client.start();
    return client;
  };
  const send = async (client: MessagingClient, topic: string, text: string): Promise<string> =>
    (await client.producer.send({ topic, body: Buffer.from(text) })).brokerName;
  const receive = async (client: MessagingClient, topic: string): Promise<Set<string>> => {
    const consumer = client.consumer({ group: 'readers', mode: ConsumeMode.CONCURRENT, from: 'earliest' });
    const texts = new Set<string>();
    consumer.add({
      name: topic,
      topic,
      handle: (message) => {
        texts.add(message.text());
        return { kind: 'acknowledge' };
      },
    });
    await consumer.register();
    await consumer.start();
    return texts;
  };
  const brokersOf = async (client: MessagingClient, topic: string): Promise<string[]> => {
    const { queues } = await client.admin.topics.stats(topic);
    return [...new Set(queues.map(({ brokerName }) => brokerName))].toSorted();
  };
  const childrenOf = async ({ child: { pid } }: CommandProcess): Promise<number[]> =>
    (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
  /** One that has ended may wait for somebody to ask how. */
  const isThere = async (pid: number): Promise<boolean> =>
    readFile(`/proc/${pid}/stat`, 'utf8').then(
      (stat) => !/\) [ZX] /.test(stat),
      () => false,
    );
  const ended = async (pids: readonly number[]): Promise<boolean> =>
    (await Promise.all(pids.map(isThere))).every((there) => !there);
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  it('is one address to clients, whose messages go to all shards; stops them in order, and finds all of it again', async () => {
    const store = await commands.folder();
    const first = start(store, 2, '--topic', 'orders:2');
    const client = await connect(first);
    expect(first.stdout).toMatch(
      /LOG nestmq \S+ broker of 2 shards \(nestmq-0 on 127\.0\.0\.1:\d+, nestmq-1 on 127\.0\.0\.1:\d+\); store \S+, synced before acknowledged; listening on/,
    );
    const brokers = await Promise.all(['a', 'b', 'c', 'd'].map((text) => send(client, 'orders', text)));
    expect([...new Set(brokers)].toSorted()).toEqual(['nestmq-0', 'nestmq-1']);
    expect((await client.admin.cluster.brokers()).map(({ up }) => up)).toEqual([true, true]);
    const shards = await childrenOf(first);
    expect(await first.stop()).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/SIGTERM: stopping.*\n[^]*LOG stopped\n$/),
    });
    expect(await ended(shards)).toBe(true);
    expect((await readdir(store)).toSorted()).toEqual(['namesrv', 'shard-0', 'shard-1', 'shards.json']);

    const again = await connect(start(store, 2));
    const texts = await receive(again, 'orders');
    await until(() => texts.size === 4);
  });

  it('starts a shard again that dies, and says so; what was acknowledged is there', async () => {
    const broker = start(await commands.folder(), 2);
    const client = await connect(broker);
    await Promise.all(['a', 'b', 'c', 'd'].map((text) => send(client, 'orders', text)));
    const [victim] = await childrenOf(broker);
    process.kill(victim!, 'SIGKILL');
    await broker.sees(/LOG Shard nestmq-\d is back after \d+ ms/);
    // Of two pipes either may be read first.
    await until(() =>
      /ERROR The process of shard nestmq-\d has ended with SIGKILL\. It is started again/.test(broker.stderr),
    );
    const texts = await receive(client, 'orders');
    await until(() => texts.size === 4);
  });

  it('leaves no shard behind, however it ends, and takes over from those that are still stopping', async () => {
    const store = await commands.folder();
    const killed = start(store, 2);
    await connect(killed);
    const orphans = await childrenOf(killed);
    await killed.stop('SIGKILL');
    const next = start(store, 2);
    await connect(next);
    await until(() => ended(orphans));

    const shards = await childrenOf(next);
    // One that cannot answer holds the first signal up.
    process.kill(shards[0]!, 'SIGSTOP');
    next.child.kill('SIGTERM');
    await next.sees(/SIGTERM: stopping/);
    // What comes within 100 ms counts as the same signal, told twice.
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await next.stop('SIGTERM')).code).toBe(143);
    await until(() => ended(shards));
  });

  it('can have more shards later: topics stay where they are, new ones are on all', async () => {
    const store = await commands.folder();
    const first = start(store, 1, '--topic', 'orders');
    await send(await connect(first), 'orders', 'a');
    await first.stop();
    const wider = start(store, 2, '--topic', 'orders');
    const client = await connect(wider);
    await send(client, 'fresh', 'b');
    expect(await brokersOf(client, 'orders')).toEqual(['nestmq-0']);
    expect(await brokersOf(client, 'fresh')).toEqual(['nestmq-0', 'nestmq-1']);
    await client.admin.topics.create('orders');
    expect(await brokersOf(client, 'orders')).toEqual(['nestmq-0', 'nestmq-1']);
    await wider.stop();

    const fewer = await start(store, 1).ended;
    expect(fewer).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has 2 shards, .* with --shards 1 .* Give 2 or more/),
    });
    expect(await refusal('--store', store, '--port', '0')).toEqual({
      code: 2,
      stderr: expect.stringMatching(/is that of 2 shards: .* --shards 2/),
    });
  });

  it('ends with the reason when a shard cannot start, and ends the others', async () => {
    const store = await commands.folder();
    await mkdir(join(store, 'shard-1'), { recursive: true });
    await writeFile(join(store, 'shard-1', 'commitlog'), 'no folder');
    const { code, stderr } = await start(store, 2).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('shard-1');
  });

  it.each([
    [['--memory'], /--memory has no meaning with --shards: a shard that is started again would have lost/],
    [['--namesrv', '127.0.0.1:1'], /--namesrv has no meaning with --shards/],
    [['--port', '65534'], /--port 65534 leaves no room for 2 shards, .* up to 65533/],
    [
      ['--port', '0', '--advertised-address', 'mq:9876'],
      /--advertised-address with --shards needs a port to listen on/,
    ],
    [['--acl', 'accounts.json'], /--acl with --shards needs .*registration\.credentials/],
    [['--shards', '0'], /--shards must be a whole number from 1 to 64, not 0/],
    [['--default-queues', '0'], /--default-queues must be a whole number/],
  ])('refuses %j', async (args, reason) => {
    expect(await refusal('--shards', '2', ...args)).toEqual({ code: 2, stderr: expect.stringMatching(reason) });
  });

  it('takes the ports behind its own, by TLS and with accounts as well', async () => {
    const folder = await commands.folder();
    const certificates = join(process.cwd(), 'test/certificates');
    const port = await freePort(1, 2);
    const config = join(folder, 'broker.json');
    const credentials = { accessKey: 'operator', secretKey: 'operator-secret' };
    await writeFile(
      config,
      JSON.stringify({
        store: join(folder, 'store'),
        acl: { accounts: [{ ...credentials, admin: true }] },
        registration: { credentials },
        tls: {
          mode: 'enforcing',
          key: join(certificates, 'server.key'),
          cert: join(certificates, 'server.pem'),
        },
      }),
    );
    const broker = commands.start([
      'broker',
      '--config',
      config,
      '--shards',
      '2',
      '--port',
      String(port),
      '--segment-bytes',
      '8m',
    ]);
    await broker.sees(
      new RegExp(
        `nestmq-0 on 127.0.0.1:${port + 1}, nestmq-1 on 127.0.0.1:${port + 2}.*listening on 127.0.0.1:${port}; access control`,
      ),
    );
    expect(broker.stderr).toBe('');
    const env = { NESTMQ_ACCESS_KEY: credentials.accessKey, NESTMQ_SECRET_KEY: credentials.secretKey };
    const { code, stdout } = await commands.run(
      ['cluster', '--tls', '--name-server', `127.0.0.1:${port}`, '--no-tls-verify'],
      { env },
    );
    expect([code, stdout.match(/ up /g)?.length]).toEqual([0, 2]);
  });
});
