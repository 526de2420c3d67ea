// Many consumer groups on one topic: every message goes to all of them. And many that have nothing to do.
import { until, costs, load } from '../stand.js';

const BODY = Buffer.alloc(1024, 'x');
/** A heartbeat names all groups of its client, and those of a client are limited to a thousand. */
const GROUPS_OF_CLIENT = 125;
const nameOf = (index) => `group-${index}`;

export const groups = {
  name: 'groups',
  title: 'Number of consumer groups on one topic (1 KiB)',
  axis: 'groups',
  sizes: { quick: [1, 20], middle: [1, 100, 1000], full: [1, 100, 1000] },
  bytesNeeded: () => 4 * 1024 ** 3,
  duration: (sizes) => 60 * sizes.length,
  figures: {
    registerMicros: { title: 'register a group', unit: 'us each', rule: { kind: 'each', noise: 2, floor: 20_000 } },
    registerBrokerMicros: {
      title: 'register, processor of the broker',
      unit: 'us each',
      rule: { kind: 'each', noise: 1.5, floor: 5000 },
    },
    deliverMicros: { title: 'deliver', unit: 'us a message and group', rule: { kind: 'each', noise: 2 } },
    deliverBrokerMicros: {
      title: 'deliver, processor of the broker',
      unit: 'us a message and group',
      rule: { kind: 'each', noise: 1.5 },
    },
    besideBrokerMicros: {
      title: 'send to another topic, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5 },
    },
    idlePercent: { title: 'idle broker, its processor', unit: '% of a core', rule: { kind: 'most', limit: 25 } },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
  },
  async *points(sizes, bench) {
    for (const size of sizes) {
      const stand = await bench.stand({
        topics: [
          { name: 'shared', queues: 1 },
          { name: 'beside', queues: 4 },
        ],
      });
      const clients = [];
      for (let first = 0; first < size; first += GROUPS_OF_CLIENT)
        clients.push(await stand.client(`curve-${first}`, { offsetPersistMillis: 1000 }));
      const [client] = clients;
      let received = 0;
      const register = async (index) => {
        const of = clients[Math.floor(index / GROUPS_OF_CLIENT)];
        const consumer = of.consumer({ group: nameOf(index), mode: 'CONCURRENT', from: 'latest' });
        consumer.add({ name: 'count', topic: 'shared', concurrency: 64, handle: () => void received++ });
        await consumer.register();
        await consumer.start();
      };
      const registered = await costs(stand, () => load(register, { inFlight: 8, count: size }));
      const { producer } = client;
      // As many deliveries at every size, and at least some messages.
      const count = Math.max(200, Math.round(bench.deliveries / size));
      const shared = { topic: 'shared', body: BODY };
      const deliver = async () => {
        received = 0;
        await load(() => producer.send(shared), { inFlight: 200, count });
        await until(() => received >= count * size, `${count * size} messages, ${received} have come`);
        return { count: count * size };
      };
      await deliver();
      const delivered = await costs(stand, deliver);
      const beside = { topic: 'beside', body: BODY };
      const send = () => load(() => producer.send(beside), { inFlight: 1000, seconds: bench.seconds * bench.slices });
      const besides = await costs(stand, send);
      const before = await stand.facts();
      await new Promise((resolve) => setTimeout(resolve, bench.seconds * 1000 + 4000));
      const after = await stand.facts();
      await stand.close();
      yield {
        size,
        values: {
          registerMicros: registered.micros,
          registerBrokerMicros: registered.brokerMicros,
          deliverMicros: delivered.micros,
          deliverBrokerMicros: delivered.brokerMicros,
          besideMicros: besides.micros,
          besideBrokerMicros: besides.brokerMicros,
          idlePercent: (after.micros - before.micros) / ((bench.seconds + 4) * 10_000),
          peakMiB: Math.max(registered.peakMiB, delivered.peakMiB, besides.peakMiB),
        },
      };
    }
  },
};
