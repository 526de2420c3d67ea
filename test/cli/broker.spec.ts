import { afterEach, describe, expect, it } from '@jest/globals';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessagingClient } from '../../lib/client/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { TcpConnector } from '../../lib/remoting/index.js';
import { VERSION } from '../../lib/server/index.js';
import { Commands } from './command.js';

const SMALL = ['--segment-bytes', '8m'];

describe('nestmq broker', () => {
  const commands = new Commands();
  const clients: MessagingClient[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.shutdown(0)));
    await commands.cleanUp();
  });

  const connect = async (address: string): Promise<MessagingClient> => {
    const platform = systemPlatform({ logger: silentLogger });
    const client = new MessagingClient(
      { application: 'cli', nameServers: [address], connector: new TcpConnector({}, platform.clock) },
      platform,
    );
    clients.push(client);
    await client.start();
    return client;
  };
  const send = (client: MessagingClient, body: string) =>
    client.producer.send({ topic: 'orders', body: Buffer.from(body) });

  it('says what runs where, keeps what it acknowledged over a restart, and stops in order', async () => {
    const cwd = await commands.folder();
    const first = commands.start(['broker', '--port', '0', ...SMALL], { cwd });
    const client = await connect(await first.address());
    expect(first.stdout).toMatch(
      new RegExp(
        `LOG nestmq ${VERSION} broker nestmq; store ${cwd}/\\.nestmq, synced before acknowledged: a crash or power cut loses nothing acknowledged; listening on 127\\.0\\.0\\.1:\\d+; no access control\n$`,
      ),
    );
    const { messageId } = await send(client, 'kept');
    expect(await first.stop()).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/SIGTERM: stopping.*\n.*stopped\n$/),
    });

    const second = commands.start(['broker', '--port', '0'], { cwd });
    const after = await connect(await second.address());
    expect((await after.admin.messages.findByMessageId('orders', messageId))?.text()).toBe('kept');
    expect(await second.stop('SIGINT')).toMatchObject({ code: 0, stderr: '' });
  });

  it('makes log files of 1 GiB, and acknowledges the first message at once all the same', async () => {
    const cwd = await commands.folder();
    const broker = commands.start(['broker', '--port', '0'], { cwd });
    const client = await connect(await broker.address());
    await send(client, 'first');
    // It does not wait until a file of that size is made.
    const { blocks } = await stat(join(cwd, '.nestmq/commitlog/00000000000000000000'));
    expect(blocks * 512).toBeLessThan(2 ** 29);
    expect(JSON.parse(await readFile(join(cwd, '.nestmq/store.json'), 'utf8'))).toMatchObject({
      segmentBytes: 2 ** 30,
    });
    expect((await broker.stop()).code).toBe(0);
  });

  it('takes flags before the environment, that before the file, that before the default', async () => {
    const cwd = await commands.folder();
    const file = join(cwd, 'settings.json');
    await writeFile(
      file,
      JSON.stringify({
        store: 'from-file',
        name: 'from-file',
        cluster: 'from-file',
        flush: 'async',
        segmentBytes: 2 ** 23,
        listen: 9,
      }),
    );
    const env = {
      NESTMQ_CONFIG: file,
      NESTMQ_NAME: 'from-env',
      NESTMQ_CLUSTER: 'from-env',
      NESTMQ_PORT: '7',
      NESTMQ_FLUSH: '',
    };
    const broker = commands.start(['broker', '--name', 'from-flag', '--port', '0', '--topic', 'orders:3'], {
      cwd,
      env,
    });
    const { admin } = await connect(await broker.address());
    expect(broker.stdout).toContain(
      `broker from-flag; store ${cwd}/from-file, flush async: a power cut loses what was acknowledged in the last 500 ms; listening`,
    );
    expect((await admin.topics.stats('orders')).queues).toHaveLength(3);
    expect((await broker.stop()).code).toBe(0);
  });

  it('lets a flag turn off what the environment or the file turned on', async () => {
    const cwd = await commands.folder();
    const env = { NESTMQ_MEMORY: 'yes' };
    const kept = commands.start(['broker', '--no-memory', '--port', '0', ...SMALL], { cwd, env });
    await kept.address();
    expect(kept.stdout).toContain(`store ${cwd}/.nestmq`);
    const lost = commands.start(['broker', '--port', '0', '--log-level', 'log'], { cwd, env });
    await lost.address();
    expect(lost.stdout).toContain('in memory: every message is lost when the process ends');
    expect([(await kept.stop()).code, (await lost.stop()).code]).toEqual([0, 0]);
  });

  it('names who has the store, and who has the port, in one line', async () => {
    const cwd = await commands.folder();
    const broker = commands.start(['broker', '--port', '0', ...SMALL], { cwd });
    const address = await broker.address();
    const locked = await commands.run(['broker', '--port', '0'], { cwd });
    expect(locked).toMatchObject({ code: 1, stdout: '' });
    expect(locked.stderr).toMatch(
      new RegExp(`^nestmq: The store .* is in use by process ${broker.child.pid} .*--store.*\n$`),
    );
    const taken = await commands.run(['broker', '--memory', '--port', address.split(':')[1]!]);
    expect(taken).toEqual({
      code: 1,
      stdout: '',
      stderr: `nestmq: Cannot listen on ${address}: another process uses that port; choose another one or stop it\n`,
    });
  });
});
