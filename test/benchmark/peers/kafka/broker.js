// Apache Kafka as Apache releases it: one process that is broker and controller (KRaft), on loopback.
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../fault/support/free-port.js';
import { classPath, javaVersion, missingArtifacts } from '../support/maven.js';
import { OwnProcess } from '../support/own-process.js';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** As in kafka-server-start.sh and kafka-run-class.sh. */
const BROKER_MEMORY = ['-server', '-Xms1g', '-Xmx1g'];
const BROKER_TUNING = [
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
];
/** As in the scripts of the tools. */
const TOOL_MEMORY = ['-server', '-Xmx512m'];
const PATIENCE_MILLIS = 90_000;

export const missingKafka = () => missingArtifacts(FOLDER, 'Apache Kafka');

export class KafkaBroker {
  programs = [];

  static async start(directory, queues) {
    const broker = new KafkaBroker();
    broker.classPath = classPath(FOLDER);
    broker.directory = directory;
    await mkdir(directory, { recursive: true });
    try {
      await broker.startServer(queues);
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  async startServer(queues) {
    const [port, controllerPort] = [await freePort(), await freePort()];
    this.address = `127.0.0.1:${port}`;
    const file = await this.write('server.properties', {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://${this.address},CONTROLLER://127.0.0.1:${controllerPort}`,
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': join(this.directory, 'logs'),
      'num.partitions': queues,
      // What a cluster of one can have.
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 1,
      // A group of one member does not wait for others.
      'group.initial.rebalance.delay.ms': 0,
    });
    const clusterId = randomBytes(16).toString('base64url');
    await this.run('kafka.tools.StorageTool', ['format', '-t', clusterId, '-c', file, '--standalone']);
    const options = [...BROKER_MEMORY, ...BROKER_TUNING];
    this.server = this.java('kafka.Kafka', [file], options);
    this.programs.push(this.server);
    await this.server.until(() => accepts(port), 'it accepted a connection', PATIENCE_MILLIS);
  }

  get version() {
    return /kafka_2\.13-([\d.]+)\.jar/.exec(this.classPath)?.[1] ?? 'of an unknown version';
  }

  /** Server and configuration of it, whoever its client is. */
  facts(synced) {
    return {
      server: `Apache Kafka ${this.version}, one process as broker and controller (KRaft), Java ${javaVersion()}, heap 1 GiB, G1`,
      configuration: synced
        ? 'flush.messages=1: what one request brings to a queue is synced before it is answered; otherwise as shipped'
        : 'as shipped: acks=all answers when the page cache has it, nothing is synced',
    };
  }

  pids() {
    return this.server.pids();
  }

  async stop() {
    for (const program of this.programs.toReversed()) await program.stop();
  }

  async createTopic(topic, queues, settings) {
    const configs = Object.entries(settings).flatMap(([key, value]) => ['--config', `${key}=${value}`]);
    const place = ['--bootstrap-server', this.address, '--create', '--topic', topic];
    const shape = ['--partitions', String(queues), '--replication-factor', '1'];
    await this.run('org.apache.kafka.tools.TopicCommand', [...place, ...shape, ...configs]);
  }

  /** A tool that ends by itself. */
  async run(main, args, patienceMillis = PATIENCE_MILLIS) {
    const tool = this.java(main, args);
    try {
      await tool.until(() => tool.over, 'it had done its work', patienceMillis);
    } catch (error) {
      if (!tool.over) throw error;
    } finally {
      await tool.stop();
    }
    const code = await tool.ended;
    if (code !== 0) throw new Error(`${main} ended with ${code}:\n${tool.output.slice(-2_000)}`);
  }

  java(main, args, options = TOOL_MEMORY) {
    const given = [...options, '-cp', this.classPath, main, ...args];
    return new OwnProcess('java', given, { cwd: this.directory });
  }

  async write(name, lines) {
    const path = join(this.directory, name);
    const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(path, text.join(''));
    return path;
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const over = (accepted) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => over(true));
    socket.once('error', () => over(false));
  });
}
