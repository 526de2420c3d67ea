// NATS JetStream: streams in files, one server.
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../fault/support/free-port.js';
import { ClientProcess } from '../support/client-process.js';
import { describeVersions, missingOf, missingPackages } from '../support/facts.js';
import { OwnProcess, findProgram } from '../support/own-process.js';
import { QueuePeer } from '../support/queue-peer.js';

const STREAMS = ['bench-0', 'bench-1', 'bench-2', 'bench-3'];
const program = () => findProgram('nats-server');

/** The first version that can sync before it answers is 2.10. */
export function canSync(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

export const peer = {
  name: 'NATS JetStream',

  missing() {
    return missingOf(
      program() === undefined ? 'nats-server (Debian: apt-get install nats-server)' : undefined,
      missingPackages('@nats-io/jetstream', '@nats-io/transport-node'),
    );
  },

  async open(directory) {
    const programs = [];
    try {
      await mkdir(directory, { recursive: true });
      const port = await freePort();
      const said = spawnSync(program(), ['--version'], { encoding: 'utf8' }).stdout;
      const version = /v([\d.]+)/.exec(said)?.[1] ?? '0.0.0';
      const synced = canSync(version);
      const storage = [`  store_dir: "${directory}"`, ...(synced ? ['  sync_interval: always'] : [])];
      const file = join(directory, 'nats.conf');
      await writeFile(file, [`listen: "127.0.0.1:${port}"`, 'jetstream {', ...storage, '}', ''].join('\n'));
      const server = new OwnProcess(program(), ['-c', file], { cwd: directory });
      programs.push(server);
      await server.until(() => /Server is ready/.test(server.output), 'it was ready');
      const client = new ClientProcess(new URL('client.js', import.meta.url));
      programs.push(client);
      await client.ask('connect', { port, names: STREAMS });
      return new QueuePeer({
        client,
        programs,
        pids: () => server.pids(),
        durability: synced ? 'sync' : 'async',
        facts: {
          server: `nats-server ${version}, one server`,
          client: describeVersions('@nats-io/jetstream', '@nats-io/transport-node'),
          configuration: synced
            ? 'sync_interval: always; otherwise as shipped'
            : 'as shipped; this version cannot sync before it answers (sync_interval: always came with 2.10)',
          queues: `${STREAMS.length} streams in files, one replica`,
          sending: 'publish, the answer awaited for each message',
          receiving:
            'one durable consumer a stream, 500 messages at once, each acknowledged; the server does not confirm that',
        },
      });
    } catch (error) {
      for (const started of programs.toReversed()) await started.stop();
      throw error;
    }
  },
};
