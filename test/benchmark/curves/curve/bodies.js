// Bodies from 100 bytes to 4 MiB: a message may cost more with its size, but not more than in proportion.
import { columns } from '../readings.js';
import { costs, load, until } from '../stand.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** The limit is that of the body; what the broker takes is 4 MiB. */
const SIZES = [100, KIB, 64 * KIB, 4 * MIB];

export const bodies = {
  name: 'bodies',
  title: 'Size of the body',
  axis: 'bytes of a body',
  sizes: { quick: [100, KIB, 64 * KIB], middle: SIZES, full: SIZES },
  bytesNeeded: () => 12 * 1024 ** 3,
  duration: (sizes) => 40 * sizes.length,
  figures: {
    sendMicros: { title: 'send', unit: 'us a message', rule: { kind: 'whole', noise: 1.5 } },
    sendBrokerMicros: {
      title: 'send, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'whole', noise: 1.5 },
    },
    receiveMicros: { title: 'receive', unit: 'us a message', rule: { kind: 'whole', noise: 1.5 } },
    receiveBrokerMicros: {
      title: 'receive, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'whole', noise: 1.5 },
    },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
  },
  async *points(sizes, bench) {
    for (const size of sizes) {
      const stand = await bench.stand({ topics: [{ name: 'bodies', queues: 4 }] });
      const client = await stand.client('curve', { compressOverBytes: 8 * MIB, maxMessageBytes: 5 * MIB });
      const message = { topic: 'bodies', body: Buffer.alloc(size, 'x') };
      const inFlight = Math.max(4, Math.min(1000, Math.floor((16 * MIB) / size)));
      // Not more than a GiB for each slice, or the largest bodies fill the disk.
      const count = Math.floor(1024 ** 3 / size);
      const send = () => load(() => client.producer.send(message), { inFlight, seconds: bench.seconds, count });
      let sent = (await send()).count;
      const sends = [];
      for (let slice = 0; slice < bench.slices; slice++) {
        const cost = await costs(stand, send);
        sent += cost.count;
        sends.push(cost);
      }
      let received = 0;
      const consumer = client.consumer({ group: 'bodies', mode: 'CONCURRENT', from: 'earliest' });
      consumer.add({ name: 'count', topic: 'bodies', concurrency: 64, handle: () => void received++ });
      await consumer.register();
      const got = await costs(stand, async () => {
        await consumer.start();
        await until(() => received >= sent, `${sent} messages, ${received} have come`, 300_000);
        return { count: received };
      });
      await stand.close();
      const cost = columns(sends);
      yield {
        size,
        values: {
          sendMicros: cost.micros,
          sendBrokerMicros: cost.brokerMicros,
          sendMiBPerSecond: size / 1.048576 / cost.micros.median,
          receiveMicros: got.micros,
          receiveBrokerMicros: got.brokerMicros,
          receiveMiBPerSecond: size / 1.048576 / got.micros,
          peakMiB: Math.max(cost.peakMiB.max, got.peakMiB),
        },
      };
    }
  },
};
