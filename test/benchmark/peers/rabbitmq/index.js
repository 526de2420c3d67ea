// RabbitMQ: quorum queues, the kind that its makers recommend for data that must not be lost. One node.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../fault/support/free-port.js';
import { ClientProcess } from '../support/client-process.js';
import { describeVersions, missingOf, missingPackages } from '../support/facts.js';
import { OwnProcess, findProgram } from '../support/own-process.js';
import { QueuePeer } from '../support/queue-peer.js';

const QUEUES = ['bench-0', 'bench-1', 'bench-2', 'bench-3'];
// Debian's own rabbitmq-server changes to another user; the one below it is the server's, and runs as anybody.
const server = () => findProgram('/usr/lib/rabbitmq/bin/rabbitmq-server', 'rabbitmq-server');
const portMapper = () => findProgram('epmd');

export const peer = {
  name: 'RabbitMQ quorum queue',

  missing() {
    return missingOf(
      server() === undefined ? 'rabbitmq-server (Debian: apt-get install rabbitmq-server)' : undefined,
      portMapper() === undefined ? 'epmd (Debian: apt-get install erlang-base)' : undefined,
      missingPackages('amqplib'),
    );
  },

  async open(directory) {
    const programs = [];
    try {
      await mkdir(directory, { recursive: true });
      const [port, mapperPort, distributionPort] = [await freePort(), await freePort(), await freePort()];
      // In the foreground and ours: otherwise the server would start one that outlives it.
      programs.push(new OwnProcess(portMapper(), ['-address', '127.0.0.1', '-port', String(mapperPort)]));
      const configuration = ['listeners.tcp.1 = 127.0.0.1:' + port, 'log.console = true', 'log.file = false'];
      await writeFile(join(directory, 'rabbitmq.conf'), configuration.join('\n') + '\n');
      await writeFile(join(directory, 'enabled_plugins'), '[].\n');
      const env = {
        PATH: process.env.PATH,
        LANG: 'C.UTF-8',
        HOME: directory,
        ERL_EPMD_ADDRESS: '127.0.0.1',
        ERL_EPMD_PORT: String(mapperPort),
        RABBITMQ_NODENAME: `bench-${port}@localhost`,
        RABBITMQ_DIST_PORT: String(distributionPort),
        RABBITMQ_CONF_ENV_FILE: '/dev/null',
        RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
        RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
        RABBITMQ_LOG_BASE: join(directory, 'log'),
        RABBITMQ_PID_FILE: join(directory, 'pid'),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      };
      const broker = new OwnProcess(server(), [], { env, cwd: directory });
      programs.push(broker);
      await broker.until(() => /Server startup complete/.test(broker.output), 'it was ready');
      const version = (of) => new RegExp(`${of}:? +([\\d.]+)`).exec(broker.output)?.[1] ?? 'of an unknown version';
      const client = new ClientProcess(new URL('client.js', import.meta.url));
      programs.push(client);
      await client.ask('connect', { port, names: QUEUES });
      return new QueuePeer({
        client,
        programs,
        pids: () => broker.pids(),
        durability: 'sync',
        facts: {
          server: `RabbitMQ ${version('RabbitMQ')}, Erlang ${version('Erlang')}, one node`,
          client: describeVersions('amqplib'),
          configuration: `${configuration.slice(1).join('; ')}; no plugins; otherwise as shipped`,
          queues: `${QUEUES.length} quorum queues, durable; write-ahead log synced with fdatasync before a confirm (as shipped)`,
          sending: 'publisher confirms, persistent messages, one channel a queue, one connection, TCP_NODELAY',
          receiving: 'prefetch of the number in flight, shared among the queues; each message acknowledged by itself',
        },
      });
    } catch (error) {
      for (const program of programs.reverse()) await program.stop();
      throw error;
    }
  },
};
