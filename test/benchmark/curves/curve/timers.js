// Messages that wait for their time: what it costs to add one more, to deliver one, to send beside them, and to start again.
import { columns } from '../readings.js';
import { costs, load, until } from '../stand.js';
import { percentile } from '../../statistics.js';

const BODY = Buffer.alloc(100, 'x');
const HOUR = 3_600_000;

export const timers = {
  name: 'timers',
  title: 'Pending timers (100 B)',
  axis: 'messages that wait for their time',
  sizes: { quick: [1000, 20_000], middle: [1000, 1e6], full: [1000, 1e6, 5e6] },
  bytesNeeded: (sizes) => sizes.at(-1) * 480 + 2 * 1024 ** 3,
  duration: (sizes) => sizes.at(-1) / 25_000 + sizes.length * 60,
  figures: {
    addMicros: { title: 'add a timer', unit: 'us each', rule: { kind: 'each', noise: 2 } },
    addBrokerMicros: {
      title: 'add a timer, processor of the broker',
      unit: 'us each',
      rule: { kind: 'each', noise: 1.5 },
    },
    turnBrokerMicros: {
      title: 'add and deliver, processor of the broker',
      unit: 'us each',
      rule: { kind: 'each', noise: 1.5 },
    },
    sendBrokerMicros: {
      title: 'send beside them, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5 },
    },
    lateP99: { title: 'delivered late, p99', unit: 'ms', rule: { kind: 'each', noise: 2, floor: 50 } },
    cleanMillis: { title: 'start after an end in order', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 200 } },
    crashMillis: { title: 'start after a crash', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 200 } },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
  },
  async *points(sizes, bench) {
    const stand = await bench.stand({
      topics: [
        { name: 'later', queues: 4 },
        { name: 'due', queues: 4 },
        { name: 'soon', queues: 4 },
        { name: 'now', queues: 4 },
      ],
    });
    let pending = 0;
    for (const size of sizes) {
      const client = await stand.client('curve');
      const { producer } = client;
      const base = Date.now() + 24 * HOUR;
      // Spread over a day, in no order.
      const later = () => ({
        topic: 'later',
        body: BODY,
        delay: { deliverAt: base + Math.floor(Math.random() * 24 * HOUR) },
      });
      const add = (count) => load(() => producer.send(later()), { inFlight: 1000, count });
      if (pending === 0) await turnover(stand, producer, bench.turnover, 0);
      const filled = await costs(stand, () => add(size - pending));
      pending = size;
      const turned = await turnover(stand, producer, bench.turnover, size);
      const now = { topic: 'now', body: BODY };
      const sends = [];
      for (let slice = 0; slice < bench.slices; slice++)
        sends.push(
          await costs(stand, () => load(() => producer.send(now), { inFlight: 1000, seconds: bench.seconds })),
        );
      const late = await lateness(client, bench);
      const sent = columns(sends);
      const { peak } = await stand.facts();
      await stand.kill();
      await stand.dismiss(500);
      const crashMillis = (await stand.start()).startMillis;
      const stopMillis = await stand.stop();
      const cleanMillis = (await stand.start()).startMillis;
      const { broker } = await stand.facts();
      if (broker.delayedMessages < size)
        throw new Error(`${broker.delayedMessages} timers are left of ${size}: some were lost`);
      yield {
        size,
        values: {
          fillMicros: filled.micros,
          fillBrokerMicros: filled.brokerMicros,
          ...turned,
          sendMicros: sent.micros,
          sendBrokerMicros: sent.brokerMicros,
          lateP50: percentile(late, 0.5),
          lateP99: percentile(late, 0.99),
          crashMillis,
          stopMillis,
          cleanMillis,
          peakMiB: Math.max(filled.peakMiB, sent.peakMiB.max, peak / 1024 ** 2),
        },
      };
    }
  },
};

/** Adds timers that are soon due to those that wait, until they are delivered: the cost of one at this size. */
async function turnover(stand, producer, count, waiting) {
  const pending = async () => (await stand.facts()).broker.delayedMessages;
  const soon = Date.now() + 6000;
  const message = () => ({ topic: 'soon', body: BODY, delay: { deliverAt: soon + Math.floor(Math.random() * 2000) } });
  const before = await stand.facts();
  const added = await costs(stand, () => load(() => producer.send(message()), { inFlight: 1000, count }));
  await until(async () => (await pending()) <= waiting, 'the timers that are due');
  const after = await stand.facts();
  return {
    addMicros: added.micros,
    addBrokerMicros: added.brokerMicros,
    addP99: added.p99,
    turnBrokerMicros: (after.micros - before.micros) / count,
  };
}

/** Sends messages that are due within a second or two beside those that wait; by how much each comes too late, in ms. */
async function lateness(client, bench) {
  const late = [];
  const consumer = client.consumer({ group: `due-${Date.now()}`, mode: 'CONCURRENT', from: 'latest' });
  consumer.add({
    name: 'due',
    topic: 'due',
    concurrency: 64,
    handle: ({ body }) => void late.push(Math.max(0, Date.now() - body.readDoubleLE(0))),
  });
  await consumer.register();
  await consumer.start();
  const count = bench.pulls;
  const send = () => {
    const deliverAt = Date.now() + 500 + Math.floor(Math.random() * 1000);
    const body = Buffer.alloc(100);
    body.writeDoubleLE(deliverAt, 0);
    return client.producer.send({ topic: 'due', body, delay: { deliverAt } });
  };
  await load(send, { inFlight: 100, count });
  await until(() => late.length >= count, `${count} due messages`);
  await consumer.stop(1000);
  return late;
}
