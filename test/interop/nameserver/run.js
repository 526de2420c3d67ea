// NameServers and brokers of both kinds: ours at Apache's NameServer, Apache's at ours. `node test/interop/nameserver/run.js`.
// Needs a build of the package, a JDK and Maven; what it lacks it names in lines `missing: …` and ends with 77.
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ApacheCluster, needRocketMQ } from '../apache/cluster.js';

const BUILD = process.env.NESTMQ_BUILD ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const VERSIONS = (process.env.NESTMQ_ROCKETMQ_SERVERS ?? '5.3.3').split(',');
const EXIT_MISSING = 77;
const PATIENCE_MILLIS = 60_000;

if (!existsSync(join(BUILD, 'server'))) {
  console.log('missing: a build of the package (npm run build)');
  process.exit(process.env.NESTMQ_REQUIRE === 'all' ? 1 : EXIT_MISSING);
}

const load = (room) => import(pathToFileURL(join(BUILD, room, 'index.js')).href);
const [server, client, remoting, platforms] = await Promise.all(['server', 'client', 'remoting', 'platform'].map(load));
const platform = platforms.systemPlatform({ logger: platforms.silentLogger });

let passed = 0;
let failed = 0;
async function holds(name, condition) {
  const end = Date.now() + PATIENCE_MILLIS;
  let last;
  while (Date.now() < end) {
    try {
      if (await condition()) {
        passed += 1;
        return;
      }
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  failed += 1;
  console.error(`FAILED  ${name}${last === undefined ? '' : `: ${last.stack}`}`);
}

async function connect(nameServer) {
  const connector = new remoting.TcpConnector({}, platform.clock);
  // Java that has just begun on a busy machine takes its time.
  const patience = { requestTimeoutMillis: 20_000, sendTimeoutMillis: 20_000 };
  const options = { application: 'interop', nameServers: [nameServer], connector, ...patience };
  const made = new client.MessagingClient(options, platform);
  await made.start();
  return made;
}

async function brokersOf(connected, topic) {
  const { queues } = await connected.admin.topics.stats(topic);
  return [...new Set(queues.map(({ brokerName }) => brokerName))].toSorted().join();
}

/** Sends a dozen and receives them. */
async function passThrough(connected, topic, from) {
  const bodies = Array.from({ length: 12 }, (_, index) => `${from}-${index}`);
  const seen = new Set();
  const consumer = connected.consumer({
    group: `${from}-${topic}`,
    mode: client.ConsumeMode.CONCURRENT,
    from: 'earliest',
  });
  consumer.add({
    name: 'interop',
    topic,
    handle: (message) => {
      seen.add(message.text());
      return { kind: 'acknowledge' };
    },
  });
  await consumer.register();
  await consumer.start();
  const reached = new Set();
  for (const body of bodies) {
    const { brokerName } = await connected.producer.send({ topic, body: Buffer.from(body) });
    reached.add(brokerName);
  }
  await holds(`${from}: what is sent to ${topic} is received`, () => bodies.every((body) => seen.has(body)));
  return [...reached].toSorted().join();
}

const ourBroker = (name, nameServer) =>
  server.BrokerHost.start({ memory: true, listen: 0, name, nameServer, topics: ['orders'] }, platform);

/** Two brokers of ours under a NameServer of Apache's. */
async function oursAtApaches(version, classPath) {
  const from = `ours-at-${version.replaceAll('.', '-')}`;
  const cluster = await ApacheCluster.start(classPath, []);
  const brokers = await Promise.all(['a', 'b'].map((name) => ourBroker(name, cluster.nameServer)));
  const connected = await connect(cluster.nameServer);
  try {
    await holds(`${from}: brokers are registered when they have started`, () =>
      brokers.every((broker) => broker.health().registrations.every(({ registered }) => registered)),
    );
    await holds(`${from}: a route names both`, async () => (await brokersOf(connected, 'orders')) === 'a,b');
    await holds(`${from}: sends reach both`, async () => (await passThrough(connected, 'orders', from)) === 'a,b');
    await connected.producer.send({ topic: 'fresh', body: Buffer.from('x') });
    await holds(`${from}: a new topic is on both at once`, async () => (await brokersOf(connected, 'fresh')) === 'a,b');
    await connected.admin.topics.delete('fresh');
    await holds(`${from}: a deleted topic is gone`, () =>
      connected.admin.topics.stats('fresh').then(
        () => false,
        ({ code }) => code === 'TOPIC_NOT_FOUND',
      ),
    );
    await brokers[0].stop();
    await holds(`${from}: a broker that stops is gone`, async () => (await brokersOf(connected, 'orders')) === 'b');
  } finally {
    await connected.shutdown(1_000);
    await Promise.all(brokers.map((broker) => broker.stop()));
    await cluster.stop();
  }
}

/** A broker of Apache's beside one of ours, under a NameServer of ours. */
async function apachesAtOurs(version, classPath, settings, how) {
  const from = `${how}-${version.replaceAll('.', '-')}-at-ours`;
  const nameServer = await server.NameServerHost.start({ memory: true, listen: 0 }, platform);
  const broker = await ourBroker('ours', nameServer.address);
  const cluster = new ApacheCluster();
  Object.assign(cluster, { classPath, settings, nameServer: nameServer.address });
  cluster.home = await mkdtemp(join(tmpdir(), 'nestmq-apache-'));
  const connected = await connect(nameServer.address);
  try {
    await cluster.startBroker('apaches');
    await holds(`${from}: it has registered`, () => nameServer.health().brokers === 2);
    await connected.createTopic('both', 2);
    await holds(`${from}: a topic is on both`, async () => (await brokersOf(connected, 'both')) === 'apaches,ours');
    await holds(
      `${from}: sends reach both`,
      async () => (await passThrough(connected, 'both', from)) === 'apaches,ours',
    );
    await cluster.kill('apaches');
    await holds(
      `${from}: it leaves the routes when it is killed`,
      async () => (await brokersOf(connected, 'both')) === 'ours',
    );
  } finally {
    await connected.shutdown(1_000);
    await cluster.stop();
    await broker.stop();
    await nameServer.stop();
  }
}

for (const version of VERSIONS) {
  const classPath = await needRocketMQ(version);
  for (const run of [
    () => oursAtApaches(version, classPath),
    () => apachesAtOurs(version, classPath, {}, 'apaches'),
    () => apachesAtOurs(version, classPath, { compressedRegister: true }, 'compressed'),
  ]) {
    try {
      await run();
    } catch (error) {
      failed += 1;
      console.error('FAILED ', error);
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
