// What happens to a cluster, and what has to hold meanwhile. Each returns its figures, or throws.
import { Cluster, until } from './cluster.js';
import { Load } from './load.js';

const BROKERS = ['a', 'b', 'c'];
const TOPICS = ['plain', 'ordered'];
/** Only there to end a hang. */
const PATIENCE_MILLIS = 60_000;

function check(holds, what) {
  if (!holds) throw new Error(what);
}

async function inCluster(lib, nameServers, run) {
  const cluster = new Cluster(lib);
  try {
    await cluster.startNameServers(...nameServers);
    await cluster.startBrokers(BROKERS, TOPICS);
    const load = await Load.start(lib, cluster.addresses);
    try {
      await until(() => load.handled.size > 100, PATIENCE_MILLIS, 'the load begins');
      return await run(cluster, load);
    } finally {
      await load.end();
    }
  } finally {
    await cluster.end();
  }
}

/** How many more are acknowledged by the brokers named. */
function acknowledgedBy(load, brokers) {
  return [...load.acknowledged.values()].filter((broker) => brokers.includes(broker)).length;
}

async function settle(load) {
  await load.rest();
  await until(() => load.unhandled(BROKERS).length === 0, PATIENCE_MILLIS, 'everything is handled');
  check(load.disordered() === 0, `${load.disordered()} messages were handled behind a later one of their key`);
  for (const [key, places] of load.places) check(places.size === 1, `${key} was in ${[...places].join(' and ')}`);
  return { acknowledged: load.acknowledged.size, handled: load.handled.size, lost: load.unhandled(BROKERS).length };
}

/** One broker after the other is killed under load and started again. */
export function kill(lib, { rounds }) {
  return inCluster(lib, [true], async (cluster, load) => {
    const backMillis = [];
    for (const victim of BROKERS.slice(0, rounds)) {
      const living = BROKERS.filter((name) => name !== victim);
      const broker = cluster.brokers.get(victim);
      const ofVictim = () => [...load.places].filter(([, places]) => [...places][0].startsWith(`${victim}:`));
      const before = acknowledgedBy(load, living);
      await broker.kill();
      await until(
        () => acknowledgedBy(load, living) > before + 200,
        PATIENCE_MILLIS,
        'producers go on through the others',
      );
      // A client that has never seen the victim must not take its keys elsewhere either.
      const stranger = await load.client('stranger');
      for (const [key] of ofVictim()) {
        const sent = stranger.producer.send(
          { topic: 'ordered', body: Buffer.from('x-0'), shardingKey: key },
          { timeoutMillis: 500 },
        );
        const outcome = await sent.then(
          ({ brokerName }) => `stored on ${brokerName}`,
          (error) => error.retryable,
        );
        check(outcome === true, `${key} of ${victim}, which is away, sent by a new client: ${outcome}`);
      }
      const mark = [...load.acknowledged].filter(([, name]) => living.includes(name)).map(([id]) => id);
      await until(
        () => mark.every((id) => load.handled.has(id)),
        PATIENCE_MILLIS,
        'consumers drain what the living brokers have',
      );
      const stored = acknowledgedBy(load, [victim]);
      const restarted = performance.now();
      await broker.start();
      await until(() => acknowledgedBy(load, [victim]) > stored, PATIENCE_MILLIS, `${victim} is sent to again`);
      await until(() => load.unhandled([victim]).length < 50, PATIENCE_MILLIS, `${victim} is consumed again`);
      backMillis.push(Math.round(performance.now() - restarted));
    }
    check(load.plainFailures.length === 0, `sends without a key failed: ${load.plainFailures.slice(0, 3).join('; ')}`);
    return { ...(await settle(load)), keyedFailures: Object.fromEntries(load.keyedFailures), backMillis };
  });
}

/** The only NameServer is killed, and comes back knowing nothing. */
export function nameServer(lib) {
  return inCluster(lib, [true], async (cluster, load) => {
    const [server] = cluster.nameServers;
    await server.kill();
    const before = load.acknowledged.size;
    const handled = load.handled.size;
    await until(() => load.acknowledged.size > before + 300, PATIENCE_MILLIS, 'producers go on without a NameServer');
    await until(() => load.handled.size > handled + 300, PATIENCE_MILLIS, 'consumers go on without a NameServer');
    const restarted = performance.now();
    await server.start();
    const stranger = await load.client('stranger');
    const reached = new Set();
    await until(
      async () => {
        const sent = stranger.producer.send({ topic: 'plain', body: Buffer.from('x-0') }, { timeoutMillis: 500 });
        await sent.then(({ brokerName }) => reached.add(brokerName)).catch(() => undefined);
        return reached.size > 0;
      },
      PATIENCE_MILLIS,
      'a new client finds brokers again',
    );
    const backMillis = Math.round(performance.now() - restarted);
    check(
      load.plainFailures.length + load.keyedFailures.size === 0,
      `sends failed: ${load.plainFailures.slice(0, 3).join('; ')}`,
    );
    return { ...(await settle(load)), backMillis };
  });
}

/** Of two NameServers one is away from the start, and later the other one is. */
export function twoNameServers(lib) {
  return inCluster(lib, [false, true], async (cluster, load) => {
    const [late, early] = cluster.nameServers;
    await late.start();
    const inspector = await load.client('inspector', [late.address]);
    const registered = async () => {
      const queues = await inspector.admin.topics.stats('plain').then(
        (stats) => stats.queues,
        () => [],
      );
      return new Set(queues.map(({ brokerName }) => brokerName)).size === BROKERS.length;
    };
    await until(registered, PATIENCE_MILLIS, 'all brokers are registered at the late one');
    await early.kill();
    const newcomer = await load.client('newcomer');
    const first = { topic: 'plain', body: Buffer.from('x-0') };
    const { brokerName } = await newcomer.producer.send(first, { timeoutMillis: 20_000 });
    check(BROKERS.includes(brokerName), 'a client that begins with the other one away finds a broker');
    check(
      load.plainFailures.length + load.keyedFailures.size === 0,
      `sends failed: ${load.plainFailures.slice(0, 3).join('; ')}`,
    );
    return settle(load);
  });
}
