// A cluster of two RocketMQ masters, one of which is killed under load and comes back: `node test/interop/apache-cluster/run.js`.
// Needs a build of the package, a JDK from 17 on and Maven; what it lacks it names and ends with 77 (1 if NESTMQ_REQUIRE=all).
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ApacheCluster, needRocketMQ } from '../apache/cluster.js';

const BUILD = process.env.NESTMQ_BUILD ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const VERSION = process.env.NESTMQ_ROCKETMQ ?? '5.3.3';
const PATIENCE_MILLIS = 120_000;
const TOPIC = 'ClusterOrders';
const SENDERS = 8;

const { MessagingClient, ConsumeMode } = await import(pathToFileURL(join(BUILD, 'client/index.js')).href);
const { systemPlatform } = await import(pathToFileURL(join(BUILD, 'platform/index.js')).href);
const { TcpConnector } = await import(pathToFileURL(join(BUILD, 'remoting/index.js')).href);

let passed = 0;
let failed = 0;
function check(name, ok, detail = '') {
  if (ok) passed++;
  else {
    failed++;
    console.log(`FAILED  ${name}: ${detail}`);
  }
}

async function until(condition, what) {
  const end = Date.now() + PATIENCE_MILLIS;
  while (!condition()) {
    if (Date.now() > end) {
      check(what, false, 'it did not come to that');
      return false;
    }
    await sleep(50);
  }
  check(what, true);
  return true;
}

/** Retries of a send take longer here than a broker takes to be found missing. */
async function connect(nameServer, application) {
  const logger = { error() {}, warn() {}, log() {}, debug() {}, verbose() {} };
  const platform = systemPlatform({ logger });
  const client = new MessagingClient(
    {
      application,
      nameServers: [nameServer],
      connector: new TcpConnector({}, platform.clock),
      routeRefreshMillis: 1_000,
      rebalanceMillis: 1_000,
      // Java that has just begun on a busy machine takes its time; a broker that is killed breaks its connections.
      requestTimeoutMillis: 20_000,
      sendTimeoutMillis: 20_000,
    },
    platform,
  );
  await client.start();
  return client;
}

async function listen(client, name, handled) {
  const consumer = client.consumer({ group: 'cluster-readers', mode: ConsumeMode.CONCURRENT, from: 'earliest' });
  consumer.add({
    name,
    topic: TOPIC,
    handle: ({ body }) => {
      const id = body.toString();
      handled.set(id, (handled.get(id) ?? 0) + 1);
    },
  });
  await consumer.register();
  await consumer.start();
}

/** Sends until it is told to stop; what is acknowledged is kept with the broker that has it. */
function load(client) {
  const acknowledged = new Map();
  const failures = [];
  let running = true;
  let sequence = 0;
  const lane = async () => {
    while (running) {
      const id = `m${sequence++}`;
      try {
        const { brokerName } = await client.producer.send({ topic: TOPIC, body: Buffer.from(id) });
        acknowledged.set(id, brokerName);
      } catch (error) {
        failures.push(error.message);
      }
      await sleep(2);
    }
  };
  const lanes = Promise.all(Array.from({ length: SENDERS }, lane));
  return {
    acknowledged,
    failures,
    stop: () => {
      running = false;
      return lanes;
    },
  };
}

const cluster = await ApacheCluster.start(await needRocketMQ(VERSION), ['broker-a', 'broker-b'], {
  // What was acknowledged is on the disk: a broker that is killed loses nothing of it.
  flushDiskType: 'SYNC_FLUSH',
});
const clients = [];
try {
  const sender = await connect(cluster.nameServer, 'sender');
  clients.push(sender);
  await sender.createTopic(TOPIC, 4);
  const handled = new Map();
  for (const name of ['one', 'two']) {
    const reader = await connect(cluster.nameServer, 'reader');
    clients.push(reader);
    await listen(reader, name, handled);
  }
  const running = load(sender);
  const { acknowledged } = running;
  const on = (brokerName) => [...acknowledged].filter(([, broker]) => broker === brokerName).map(([id]) => id);
  await until(() => on('broker-a').length > 200 && on('broker-b').length > 200, 'both brokers take messages');

  await cluster.kill('broker-a');
  const before = on('broker-b').length;
  await until(() => on('broker-b').length > before + 500, 'producers go on through the other broker');
  check(
    'a send finds the other broker',
    running.failures.length <= 3 * SENDERS,
    running.failures.slice(0, 3).join('; '),
  );
  const living = on('broker-b');
  await until(() => living.every((id) => handled.has(id)), 'consumers drain the other broker meanwhile');

  await cluster.startBroker('broker-a');
  const back = on('broker-a').length;
  await until(() => on('broker-a').length > back + 100, 'producers use the broker again when it is back');
  await running.stop();
  const missing = () => [...acknowledged.keys()].filter((id) => !handled.has(id));
  await until(() => missing().length === 0, 'everything that was acknowledged is handled');
  check('nothing that was acknowledged is lost', missing().length === 0, missing().slice(0, 5).join());
  const twice = [...handled.values()].filter((times) => times > 1).length;
  console.log(
    `${acknowledged.size} messages acknowledged, ${running.failures.length} sends failed, ${twice} messages handled twice`,
  );
} finally {
  await Promise.all(clients.map((client) => client.shutdown(5_000)));
  await cluster.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
