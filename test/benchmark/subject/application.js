// A process of an application: a Nest context with template and listeners, told by its parent what to do. What it
// measures goes through the public API alone.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from '../../../dist/index.js';
import { MessagingConnections } from '../../../dist/nest/connection/messaging-connections.js';
import { between, readCounts } from './counts.js';
import { payloadOf, sendBatches, sendInFlight, sendPaced } from './load.js';

const TOPIC = 'bench';
const FILL_BATCH = 100;
const FILL_BATCHES_IN_FLIGHT = 20;

let context;
let template;
let receiver;

/** Counts, and when told to keeps how long each message was under way. */
class Receiver {
  received = 0;
  latencies = undefined;
  onMessage(body) {
    this.received += 1;
    if (this.latencies !== undefined) this.latencies.push(performance.now() - body.readDoubleLE(0));
  }
}

/** The handler of the throughput rows: nothing but the count. */
class Counter {
  received = 0;
  onMessage() {
    this.received += 1;
  }
}

function listenerOf({ timed, ...listener }) {
  const base = timed ? Receiver : Counter;
  class Listener extends base {
    onMessage(body) {
      super.onMessage(body);
    }
  }
  const { prototype } = Listener;
  MessageListener({ topic: TOPIC, ...listener })(
    prototype,
    'onMessage',
    Object.getOwnPropertyDescriptor(prototype, 'onMessage'),
  );
  return Listener;
}

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** Marks the window for the parent, which reads the other processes at the same moments. */
async function measured(warmUpSeconds, seconds, count, finished = () => false) {
  if (warmUpSeconds > 0) await sleep(warmUpSeconds * 1000);
  process.send({ window: 'begin' });
  const before = readCounts();
  const countBefore = count();
  const until = before.at + seconds * 1000;
  while (performance.now() < until && !finished()) await sleep(Math.min(5, Math.max(0, until - performance.now())));
  const after = readCounts();
  const counted = count() - countBefore;
  process.send({ window: 'end' });
  const own = between(before, after);
  return { count: counted, seconds: own.seconds, perSecond: counted / own.seconds, own };
}

const commands = {
  async open({ connection, listener }) {
    const type = listener && listenerOf(listener);
    class BenchModule {}
    Module({
      imports: [MessagingModule.forRoot({ application: 'bench', ...connection })],
      providers: type === undefined ? [] : [type],
    })(BenchModule);
    context = await NestFactory.createApplicationContext(BenchModule, { logger: ['error'] });
    template = context.get(MessagingTemplate);
    receiver = type && context.get(type);
  },

  async close() {
    await context?.close();
    context = undefined;
  },

  /** Puts a backlog of so many messages; not measured. */
  async fill({ count, bytes, payload = 'buffer' }) {
    const body = payloadOf(payload, bytes);
    let left = Math.ceil(count / FILL_BATCH);
    const lane = async () => {
      while (left-- > 0)
        await template.batch(
          TOPIC,
          Array.from({ length: FILL_BATCH }, () => body),
        );
    };
    await Promise.all(Array.from({ length: FILL_BATCHES_IN_FLIGHT }, lane));
    return Math.ceil(count / FILL_BATCH) * FILL_BATCH;
  },

  async send({ inFlight, seconds, warmUpSeconds, bytes, payload = 'buffer', batch = 0, slices = 0 }) {
    const body = payloadOf(payload, bytes);
    const load =
      batch > 0
        ? sendBatches(
            template,
            TOPIC,
            Array.from({ length: batch }, () => body),
            inFlight / batch,
          )
        : sendInFlight(template, TOPIC, body, inFlight);
    if (slices > 0) {
      const results = [];
      for (let slice = 0; slice < slices; slice++)
        results.push(await measured(slice === 0 ? warmUpSeconds : 0, seconds, load.acknowledged));
      await load.stop();
      return results;
    }
    // What is received meanwhile, where there is a listener.
    let receivedBefore;
    const count = () => {
      receivedBefore ??= receiver?.received;
      return load.acknowledged();
    };
    const result = await measured(warmUpSeconds, seconds, count);
    const received = receiver && receiver.received - receivedBefore;
    await load.stop();
    return { ...result, received, sent: load.acknowledged() };
  },

  /** Works off what lies there; ends before the time is over when nothing is left. */
  async receive({ seconds, warmUpSeconds, backlog = Infinity }) {
    const already = () => receiver.received;
    while (already() === 0) await sleep(1);
    return measured(warmUpSeconds, seconds, already, () => already() >= backlog);
  },

  async latency({ ratePerSecond, seconds, warmUpSeconds, bytes }) {
    const load = sendPaced(template, TOPIC, bytes, ratePerSecond);
    receiver.latencies = [];
    let result;
    let sentBefore = 0;
    const count = () => {
      // The window begins with the first reading: what came before it was warm-up.
      if (result === undefined) {
        receiver.latencies = [];
        sentBefore = load.sent();
        result = {};
      }
      return receiver.latencies.length;
    };
    result = { ...(await measured(warmUpSeconds, seconds, count)), sent: load.sent() - sentBefore };
    const latencies = receiver.latencies.slice(0, result.count).sort((a, b) => a - b);
    await load.stop();
    const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))];
    return { ...result, p50: at(0.5), p99: at(0.99), max: latencies.at(-1) };
  },

  /** Sends at a rate that leaves the event loop time: how much of it is taken. */
  async paced({ ratePerSecond, seconds, warmUpSeconds, bytes }) {
    const load = sendPaced(template, TOPIC, bytes, ratePerSecond);
    const result = await measured(warmUpSeconds, seconds, load.acknowledged);
    await load.stop();
    return result;
  },

  /** What the store inside says of its segments. */
  segments() {
    const [connection] = context.get(MessagingConnections, { strict: false }).all();
    const { segments, recycledSegments, extendedSegments, flushes } = connection.host.health().store;
    return { segments, recycled: recycledSegments, extended: extendedSegments, flushes: flushes.count };
  },
};

process.on('message', async ({ call, args, id }) => {
  if (call === undefined) return;
  try {
    process.send({ id, result: await commands[call](args) });
  } catch (error) {
    process.send({ id, failed: error.stack ?? String(error) });
  }
});
process.once('disconnect', () => process.exit(1));
// Unlike a broker it lives on its parent's questions.
process.channel.ref();
process.send({ ready: true });
