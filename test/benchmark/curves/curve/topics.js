// Many topics: what it costs to make them, to send to all of them in turn, to read an old message of each, and to start again.
import { columns } from '../readings.js';
import { Puller } from '../pulls.js';
import { costs, load, until } from '../stand.js';
import { percentile } from '../../statistics.js';

const BODY = Buffer.alloc(1024, 'x');
/** What is read back from every topic; sent in turn, so that the messages of one topic lie far apart. */
const EACH = 64;
/** Pulls of 32 messages. */
const PULLS = 1000;
const nameOf = (index) => `topic-${index}`;

export const topics = {
  name: 'topics',
  title: 'Number of topics, sent to in turn (1 KiB)',
  axis: 'topics',
  sizes: { quick: [10, 100], middle: [10, 1000], full: [10, 1000, 10_000] },
  bytesNeeded: (sizes) => 4 * 1024 ** 3 + sizes.at(-1) * EACH * 1400,
  duration: (sizes) => 60 * sizes.length + sizes.at(-1) / 50,
  figures: {
    createMicros: { title: 'create a topic', unit: 'us each', rule: { kind: 'each', noise: 2, floor: 2000 } },
    createBrokerMicros: {
      title: 'create, processor of the broker',
      unit: 'us each',
      rule: { kind: 'each', noise: 1.5, floor: 500 },
    },
    sendMicros: { title: 'send', unit: 'us a message', rule: { kind: 'each', noise: 2 } },
    sendBrokerMicros: {
      title: 'send, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5 },
    },
    idlePercent: { title: 'idle broker, its processor', unit: '% of a core', rule: { kind: 'most', limit: 25 } },
    oldMicros: { title: 'read old messages', unit: 'us a message', rule: { kind: 'each', noise: 2, floor: 40 } },
    oldBrokerMicros: {
      title: 'read old messages, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5, floor: 20 },
    },
    cleanMillis: { title: 'start after an end in order', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 200 } },
    crashMillis: { title: 'start after a crash', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 500 } },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
  },
  async *points(sizes, bench) {
    for (const size of sizes) {
      const stand = await bench.stand();
      const client = await stand.client('curve');
      const create = () => load((index) => client.createTopic(nameOf(index), 1), { inFlight: 16, count: size });
      const created = await costs(stand, create);
      const messages = Array.from({ length: size }, (_, index) => ({ topic: nameOf(index), body: BODY }));
      const { producer } = client;
      const inTurn = (index) => producer.send(messages[index % size]);
      // Old: all but the newest 64 MiB come from the disk.
      await load(inTurn, { inFlight: 1000, count: Math.max(size * EACH, 80_000) });
      await load(inTurn, { inFlight: 1000, count: 80_000 });
      const sends = [];
      for (let slice = 0; slice < bench.slices; slice++)
        sends.push(await costs(stand, () => load(inTurn, { inFlight: 1000, seconds: bench.seconds })));
      const sent = columns(sends);
      // At once: the checkpoint that follows what was sent is in it.
      const before = await stand.facts();
      await new Promise((resolve) => setTimeout(resolve, bench.seconds * 1000 + 4000));
      const after = await stand.facts();
      const idlePercent = (after.micros - before.micros) / ((bench.seconds + 4) * 10_000);
      // And not in what reads cost; the broker has read as much before, so that its code is compiled at every size.
      await until(async () => settled((await stand.facts()).store), 'the checkpoint');
      const channel = await stand.channel();
      const pullers = messages.slice(0, 1000).map(({ topic }) => new Puller(channel, topic));
      await readOld(pullers, 32);
      const read = await costs(stand, () => readOld(pullers, 0));
      await load(inTurn, { inFlight: 1000, count: 20_000 });
      await stand.kill();
      await stand.dismiss(500);
      const crashMillis = (await stand.start()).startMillis;
      const stopMillis = await stand.stop();
      const cleanMillis = (await stand.start()).startMillis;
      await stand.close();
      yield {
        size,
        values: {
          createMicros: created.micros,
          createBrokerMicros: created.brokerMicros,
          sendMicros: sent.micros,
          sendBrokerMicros: sent.brokerMicros,
          sendP99: sent.p99,
          idlePercent,
          oldMicros: read.micros,
          oldBrokerMicros: read.brokerMicros,
          oldP99: read.p99,
          cleanMillis,
          stopMillis,
          crashMillis,
          peakMiB: Math.max(created.peakMiB, sent.peakMiB.max, read.peakMiB),
        },
      };
    }
  },
};

/** Pulls from each topic in turn, one after the other. */
async function readOld(pullers, offset) {
  const took = [];
  for (let index = 0; index < PULLS; index++) {
    const began = performance.now();
    await pullers[index % pullers.length].pull(0, offset);
    took.push(performance.now() - began);
  }
  return { count: PULLS * 32, p99: percentile(took, 0.99) };
}

function settled({ checkpointOffset, visibleOffset }) {
  return checkpointOffset === visibleOffset;
}
