// Apache RocketMQ as Apache releases it: one NameServer and one master, both on loopback.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../fault/support/free-port.js';
import { isRegistered, withChannel } from '../../../interop/apache/cluster.js';
import { OwnProcess } from '../support/own-process.js';

const NAME = 'bench';
/** As in Apache's runbroker.sh, but for the sizes: it takes 8 GiB, and is told to touch them all before it starts. */
const BROKER_MEMORY = ['-server', '-Xms2g', '-Xmx2g', '-XX:MaxDirectMemorySize=4g', '-XX:+UseG1GC'];
const BROKER_TUNING = [
  '-XX:G1HeapRegionSize=16m',
  '-XX:G1ReservePercent=25',
  '-XX:InitiatingHeapOccupancyPercent=30',
  '-XX:SoftRefLRUPolicyMSPerMB=0',
  '-XX:-OmitStackTraceInFastThrow',
];
const NAME_SERVER_MEMORY = ['-server', '-Xms128m', '-Xmx128m'];

/** What differs from what Apache ships. */
const SETTINGS = {
  // A machine with two cores answers late when a thousand sends are open: it is to answer, not to refuse.
  waitTimeMillsInSendQueue: 10_000,
  diskMaxUsedSpaceRatio: 95,
};

export class ApacheBroker {
  programs = [];
  configuration = '';

  /** Resolves when the NameServer knows the broker. */
  static async start(classPath, directory, flushDiskType) {
    const broker = new ApacheBroker();
    broker.classPath = classPath;
    broker.directory = directory;
    await mkdir(directory, { recursive: true });
    try {
      const own = { ...SETTINGS, flushDiskType };
      broker.configuration = Object.entries(own)
        .map(([key, value]) => `${key}=${value}`)
        .join('; ');
      await broker.startBoth(own);
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  async startBoth(settings) {
    const [namePort, port, haListenPort] = [await freePort(), await freePort(-2), await freePort()];
    this.nameServer = `127.0.0.1:${namePort}`;
    this.address = `127.0.0.1:${port}`;
    const nameServer = await this.java('org.apache.rocketmq.namesrv.NamesrvStartup', NAME_SERVER_MEMORY, 'namesrv', {
      listenPort: namePort,
      bindAddress: '127.0.0.1',
      kvConfigPath: join(this.directory, 'kv.json'),
      configStorePath: join(this.directory, 'namesrv.properties'),
    });
    const store = join(this.directory, 'store');
    const memory = [...BROKER_MEMORY, ...BROKER_TUNING];
    const broker = await this.java('org.apache.rocketmq.broker.BrokerStartup', memory, 'broker', {
      brokerClusterName: NAME,
      brokerName: NAME,
      brokerId: 0,
      brokerRole: 'ASYNC_MASTER',
      bindAddress: '127.0.0.1',
      brokerIP1: '127.0.0.1',
      brokerIP2: '127.0.0.1',
      namesrvAddr: this.nameServer,
      listenPort: port,
      haListenPort,
      storePathRootDir: store,
      storePathCommitLog: join(store, 'commitlog'),
      ...settings,
    });
    for (const started of [nameServer, broker])
      await started.until(() => /boot success/.test(started.output), 'it was ready');
    await withChannel(this.nameServer, async (channel, library) => {
      await broker.until(() => isRegistered(channel, library, NAME), 'the NameServer knew it');
    });
  }

  pids() {
    return this.programs.flatMap((program) => program.pids());
  }

  async stop() {
    for (const program of this.programs.toReversed()) await program.stop();
  }

  async java(main, options, name, lines) {
    const path = join(this.directory, `${name}.conf`);
    const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(path, text.join(''));
    const env = { ...process.env, ROCKETMQ_HOME: this.directory };
    // Logs are written below user.home.
    const args = [...options, `-Duser.home=${this.directory}`, '-cp', this.classPath, main, '-c', path];
    const program = new OwnProcess('java', args, { env, cwd: this.directory });
    this.programs.push(program);
    return program;
  }

  async createTopic(topic, queues) {
    await this.request((invoke, { RequestCode }) =>
      invoke(RequestCode.UPDATE_AND_CREATE_TOPIC, {
        topic,
        defaultTopic: 'TBW102',
        readQueueNums: queues,
        writeQueueNums: queues,
        perm: 6,
        topicFilterType: 'SINGLE_TAG',
        topicSysFlag: 0,
        order: false,
      }),
    );
  }

  /** The topic that is measured, and a group that begins with its first message. */
  async prepare(topic, queues, group) {
    await this.createTopic(topic, queues);
    const body = Buffer.from(JSON.stringify({ groupName: group }));
    await this.request((invoke, { RequestCode }) => invoke(RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, body));
    this.topic = topic;
    this.queues = queues;
    this.group = group;
    await this.begin(0);
  }

  /** How many messages are stored. */
  async stored() {
    return this.request(async (invoke, { RequestCode }) => {
      let sum = 0;
      for (let queueId = 0; queueId < this.queues; queueId++) {
        const { header } = await invoke(RequestCode.GET_MAX_OFFSET, { topic: this.topic, queueId });
        sum += Number(header.offset);
      }
      return sum;
    });
  }

  /** How many messages it has given out since it was started. */
  async delivered() {
    return this.request(async (invoke, { RequestCode }) => {
      const { body } = await invoke(RequestCode.GET_BROKER_RUNTIME_INFO, {});
      return Number(JSON.parse(body.toString()).table.msgGetTotalTodayNow);
    });
  }

  /** How many messages the group has not acknowledged. */
  async waiting() {
    return this.request(async (invoke, { RequestCode }) => {
      let sum = 0;
      for (let queueId = 0; queueId < this.queues; queueId++) {
        const queue = { topic: this.topic, queueId };
        const { header: end } = await invoke(RequestCode.GET_MAX_OFFSET, queue);
        const of = { ...queue, consumerGroup: this.group };
        const { header: at } = await invoke(RequestCode.QUERY_CONSUMER_OFFSET, of);
        sum += Number(end.offset) - Number(at.offset);
      }
      return sum;
    });
  }

  /** The group, of which nobody runs, goes back so that at least so many messages wait for it. */
  async begin(waiting) {
    await this.request(async (invoke, { RequestCode }) => {
      for (let queueId = 0; queueId < this.queues; queueId++) {
        const { header } = await invoke(RequestCode.GET_MAX_OFFSET, { topic: this.topic, queueId });
        const commitOffset = Math.max(0, Number(header.offset) - Math.ceil(waiting / this.queues));
        const queue = { consumerGroup: this.group, topic: this.topic, queueId };
        await invoke(RequestCode.UPDATE_CONSUMER_OFFSET, { ...queue, commitOffset });
      }
    });
  }

  async request(work) {
    return withChannel(this.address, async (channel, library) => {
      const invoke = async (code, header, body) => {
        const answer = await channel.invoke(library.createRequest(code, header, body), 5_000);
        if (answer.code !== 0) throw new Error(`the broker answers ${answer.code} to ${code}: ${answer.remark}`);
        return answer;
      };
      return work(invoke, library);
    });
  }
}
