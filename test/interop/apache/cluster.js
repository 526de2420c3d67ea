// Apache RocketMQ as Apache releases it, from Maven Central: one NameServer and some master brokers, on loopback.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../fault/support/free-port.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const EXIT_MISSING = 77;
const PATIENCE_MILLIS = 120_000;
const MEMORY = ['-Xms64m', '-Xmx512m', '-XX:MaxDirectMemorySize=512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** What differs from the defaults of a broker so that it runs on a small machine; nothing here changes what it does. */
const SMALL = {
  autoCreateTopicEnable: true,
  enablePropertyFilter: true,
  traceTopicEnable: true,
  mappedFileSizeCommitLog: 64 * 1024 * 1024,
  mappedFileSizeConsumeQueue: 60_000,
  diskMaxUsedSpaceRatio: 95,
  // A machine that is busy with other tests answers late; it is not to refuse.
  waitTimeMillsInSendQueue: 20_000,
  waitTimeMillsInHeartbeatQueue: 31_000,
};

/** Fetches the artifacts; resolves with the class path, rejects with what Maven says. */
async function fetchRocketMQ(version) {
  const file = join(HERE, 'target', `${version}.txt`);
  await mkdir(join(HERE, 'target'), { recursive: true });
  const goal = ['-q', '-B', '-Dstyle.color=never', `-Drocketmq.version=${version}`, 'dependency:build-classpath'];
  const maven = spawn('mvn', [...goal, `-Dmdep.outputFile=${file}`], { cwd: HERE });
  let output = '';
  for (const stream of [maven.stdout, maven.stderr]) stream.on('data', (data) => (output += data));
  const code = await ended(maven);
  if (code !== 0) throw new Error(`Maven could not fetch RocketMQ ${version}: ${output.slice(0, 2_000)}`);
  return (await readFile(file, 'utf8')).trim();
}

/** The class path; where it cannot be had the process ends as the tier wants it, saying what is missing. */
export async function needRocketMQ(version) {
  const missing = [];
  for (const [name, command, args] of [
    ['a JDK (java)', 'java', ['-version']],
    ['Maven (mvn)', 'mvn', ['-v']],
  ]) {
    if ((await ended(spawn(command, args, { stdio: 'ignore' }))) !== 0) missing.push(name);
  }
  if (missing.length === 0) {
    try {
      return await fetchRocketMQ(version);
    } catch (error) {
      missing.push(`RocketMQ ${version}: ${error.message}`);
    }
  }
  for (const what of missing) console.log(`missing: ${what}`);
  return process.exit(process.env.NESTMQ_REQUIRE === 'all' ? 1 : EXIT_MISSING);
}

export class ApacheCluster {
  brokers = new Map();

  /**
   * Resolves when the NameServer knows all brokers.
   * @param settings further lines of broker.conf
   */
  static async start(classPath, names, settings = {}) {
    const cluster = new ApacheCluster();
    cluster.classPath = classPath;
    cluster.settings = settings;
    cluster.home = await mkdtemp(join(tmpdir(), 'nestmq-apache-'));
    try {
      await cluster.startNameServer();
      await Promise.all(names.map((name) => cluster.startBroker(name)));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async startNameServer() {
    const port = await freePort();
    const conf = await this.conf('namesrv', {
      listenPort: port,
      bindAddress: '127.0.0.1',
      kvConfigPath: join(this.home, 'kv.json'),
      configStorePath: join(this.home, 'namesrv.properties'),
    });
    this.nameServer = `127.0.0.1:${port}`;
    this.namesrv = this.java('org.apache.rocketmq.namesrv.NamesrvStartup', conf);
    await this.said(this.namesrv, /boot success/);
  }

  /** Starts a broker, or starts it again on what it stored. */
  async startBroker(name) {
    const before = this.brokers.get(name);
    // A broker takes the port two below its own as well.
    const port = before?.port ?? (await freePort(-2));
    const store = join(this.home, name);
    const conf = await this.conf(name, {
      brokerClusterName: 'interop',
      brokerName: name,
      brokerId: 0,
      bindAddress: '127.0.0.1',
      brokerIP1: '127.0.0.1',
      brokerIP2: '127.0.0.1',
      namesrvAddr: this.nameServer,
      listenPort: port,
      haListenPort: before?.haPort ?? (await freePort()),
      storePathRootDir: store,
      storePathCommitLog: join(store, 'commitlog'),
      ...SMALL,
      ...this.settings,
    });
    const child = this.java('org.apache.rocketmq.broker.BrokerStartup', conf);
    this.brokers.set(name, { port, child });
    await this.said(child, /boot success/);
    await this.registered(child, name);
  }

  /** As by a loss of power, but for the page cache of the machine. */
  async kill(name) {
    const { child } = this.brokers.get(name);
    child.kill('SIGKILL');
    await child.over;
  }

  async stop() {
    const children = [this.namesrv, ...[...this.brokers.values()].map(({ child }) => child)];
    for (const child of children) child?.kill('SIGKILL');
    await Promise.all(children.map((child) => child?.over));
    await rm(this.home, { recursive: true, force: true });
  }

  async conf(name, lines) {
    const path = join(this.home, `${name}.conf`);
    await writeFile(
      path,
      Object.entries(lines)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    return path;
  }

  java(main, conf) {
    // Logs are written below user.home.
    const args = [...MEMORY, `-Duser.home=${this.home}`, '-cp', this.classPath, main, '-c', conf];
    const env = { ...process.env, ROCKETMQ_HOME: this.home };
    const child = spawn('java', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => (child.output = (child.output + data).slice(-10_000)));
    child.over = ended(child);
    return child;
  }

  async said(child, what) {
    await until(child, () => what.test(child.output), `${what} in what it says`);
  }

  /** The NameServer hears of a broker some seconds after it has started. */
  async registered(child, name) {
    await withChannel(this.nameServer, async (channel, library) => {
      await until(child, () => isRegistered(channel, library, name), 'its registration');
    });
  }
}

/** Whether the NameServer at the other end of the channel knows a broker of that name. */
export async function isRegistered(channel, { createRequest, decodeClusterInfo, RequestCode }, name) {
  const { body } = await channel.invoke(createRequest(RequestCode.GET_BROKER_CLUSTER_INFO, {}), 5_000);
  return body !== undefined && decodeClusterInfo(body).brokerAddrTable.has(name);
}

/** A connection of our own client to such a server, and the library that makes requests for it. */
export async function withChannel(address, work) {
  const own = await library();
  const channel = await new own.TcpConnector({}, new own.SystemClock()).connect(address);
  try {
    return await work(channel, own);
  } finally {
    await channel.close();
  }
}

async function library() {
  const build = process.env.NESTMQ_BUILD ?? fileURLToPath(new URL('../../../dist', import.meta.url));
  const [protocol, remoting, platform] = await Promise.all(
    ['protocol', 'remoting', 'platform'].map((room) => import(join(build, room, 'index.js'))),
  );
  return { ...protocol, ...remoting, ...platform };
}

async function until(child, condition, what) {
  let over = false;
  void child.over.then(() => (over = true));
  const end = Date.now() + PATIENCE_MILLIS;
  while (!(await condition())) {
    if (over || Date.now() > end) throw new Error(`waited in vain for ${what}:\n${child.output}`);
    await sleep(100);
  }
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('close', resolve);
  });
}
