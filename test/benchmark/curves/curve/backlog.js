// A backlog of small messages that nobody takes: what a send and a pull cost in front of it, and the broker's memory.
import { columns } from '../readings.js';
import { Puller } from '../pulls.js';
import { costs, load } from '../stand.js';
import { summarize } from '../../statistics.js';

const QUEUES = 4;
const BODY = Buffer.alloc(100, 'x');
/** Filled through the public batch path over the network: nothing of the broker is gone around. */
const BATCH = 500;
const BATCHES_IN_FLIGHT = 12;
/** The record of 100 bytes with its id, and its entries in queue and index. */
const BYTES_EACH = 330;

export const backlog = {
  name: 'backlog',
  title: 'Backlog of small messages (100 B)',
  axis: 'messages in the backlog',
  sizes: { quick: [20_000, 200_000], middle: [1e6, 1e7], full: [1e6, 1e7, 1e8] },
  bytesNeeded: (sizes) => sizes.at(-1) * BYTES_EACH + 2 * 1024 ** 3,
  duration: (sizes) => sizes.at(-1) / 250_000 + sizes.length * 30,
  figures: {
    fillMicros: { title: 'fill by batches', unit: 'us a message', rule: { kind: 'each', noise: 2 } },
    fillBrokerMicros: {
      title: 'fill, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5 },
    },
    sendMicros: { title: 'send', unit: 'us a message', rule: { kind: 'each', noise: 2 } },
    sendBrokerMicros: {
      title: 'send, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5 },
    },
    tailP99: { title: 'pull at the tail, p99', unit: 'ms', rule: { kind: 'each', noise: 2, floor: 2 } },
    oldP99: { title: 'pull at a random old offset, p99', unit: 'ms', rule: { kind: 'each', noise: 2, floor: 4 } },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
    memory: {
      title: 'resident memory, most, as it grows',
      unit: 'MiB',
      rule: { kind: 'each', noise: 1.5, floor: 300 },
    },
  },
  async *points(sizes, bench) {
    const settings = { topics: [{ name: 'backlog', queues: QUEUES }] };
    const stand = await bench.stand(settings);
    const { producer } = await stand.client('curve');
    let puller = new Puller(await stand.channel(), 'backlog');
    const batch = Array.from({ length: BATCH }, () => ({ topic: 'backlog', body: BODY }));
    const fill = async (count) => {
      const sent = await load(() => producer.sendBatch(batch), { inFlight: BATCHES_IN_FLIGHT, count: count / BATCH });
      return { count: sent.count * BATCH };
    };
    const message = { topic: 'backlog', body: BODY };
    const send = () => load(() => producer.send(message), { inFlight: 1000, seconds: bench.seconds });
    await fill(sizes[0] / 2);
    await send();
    let stored = await total(puller);
    for (const size of sizes) {
      const filled = await costs(stand, () => fill(Math.max(BATCH, Math.ceil((size - stored) / BATCH) * BATCH)));
      // The broker closes a connection on which nothing came for two minutes; it takes longer to put 100 M messages there.
      puller = new Puller(await stand.channel(), 'backlog');
      const sends = [];
      for (let slice = 0; slice < bench.slices; slice++) sends.push(await costs(stand, send));
      const queues = await Promise.all(Array.from({ length: QUEUES }, (_, queueId) => puller.ends(queueId)));
      const tail = [];
      const old = [];
      for (let slice = 0; slice < bench.slices; slice++) {
        tail.push(await puller.latencies(queues, bench.pulls, ({ max }) => max - 32));
        old.push(
          await puller.latencies(
            queues,
            bench.pulls,
            ({ min, max }) => min + Math.floor(Math.random() * (max - min - 32)),
          ),
        );
      }
      const pulled = await stand.facts();
      stored = await total(puller);
      const sent = columns(sends);
      const peakMiB = Math.max(filled.peakMiB, sent.peakMiB.max, pulled.peak / 1024 ** 2);
      yield {
        size,
        values: {
          fillMicros: filled.micros,
          fillBrokerMicros: filled.brokerMicros,
          sendMicros: sent.micros,
          sendBrokerMicros: sent.brokerMicros,
          sendP99: sent.p99,
          tailP50: summarize(tail.map(({ p50 }) => p50)),
          tailP99: summarize(tail.map(({ p99 }) => p99)),
          oldP50: summarize(old.map(({ p50 }) => p50)),
          oldP99: summarize(old.map(({ p99 }) => p99)),
          peakMiB,
          memory: peakMiB,
          heapMiB: pulled.heapUsed / 1024 ** 2,
          segments: pulled.store.segments,
        },
      };
    }
  },
};

async function total(puller) {
  let sum = 0;
  for (let queueId = 0; queueId < QUEUES; queueId++) sum += (await puller.ends(queueId)).max;
  return sum;
}
