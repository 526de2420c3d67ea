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

/**
 * Windows back to back while the load goes on. The ends of each are marked for the parent, which reads the other processes at
 * the same moments.
 * @param counts what is counted: numbers by name, of which `count` makes the rate
 */
async function measured({ warmUpSeconds, seconds, windows = 1 }, counts, finished = () => false) {
  if (warmUpSeconds > 0) await sleep(warmUpSeconds * 1000);
  const read = () => {
    process.send({ mark: true });
    return { own: readCounts(), ...counts() };
  };
  const results = [];
  for (let before = read(); results.length < windows && !finished();) {
    const until = before.own.at + seconds * 1000;
    while (performance.now() < until && !finished()) await sleep(Math.min(5, Math.max(0, until - performance.now())));
    const after = read();
    const own = between(before.own, after.own);
    const result = { seconds: own.seconds, own };
    for (const name of Object.keys(after)) if (name !== 'own') result[name] = after[name] - before[name];
    results.push({ ...result, perSecond: result.count / own.seconds });
    before = after;
  }
  return results;
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

  async send({ inFlight, bytes, payload = 'buffer', batch = 0, ...plan }) {
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
    // And what is received meanwhile, where there is a listener.
    const counts = () => ({ count: load.acknowledged(), ...(receiver && { received: receiver.received }) });
    const windows = await measured(plan, counts);
    await load.stop();
    return { windows, sent: load.acknowledged() };
  },

  /** Works off what lies there; ends before the time is over when nothing is left. */
  async receive({ backlog = Infinity, ...plan }) {
    while (receiver.received === 0) await sleep(1);
    const windows = await measured(
      plan,
      () => ({ count: receiver.received }),
      () => receiver.received >= backlog,
    );
    return { windows };
  },

  async latency({ ratePerSecond, warmUpPerSecond, bytes, ...plan }) {
    const { warmUpSeconds } = plan;
    const load = sendPaced(template, TOPIC, bytes, { ratePerSecond, warmUpPerSecond, warmUpSeconds });
    receiver.latencies = [];
    let from;
    const counts = () => ({
      count: receiver.latencies.length - (from ??= receiver.latencies.length),
      sent: load.sent(),
    });
    const windows = await measured(plan, counts);
    for (const window of windows) {
      const latencies = receiver.latencies.slice(from, from + window.count).sort((a, b) => a - b);
      from += window.count;
      const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))];
      Object.assign(window, { p50: at(0.5), p99: at(0.99), max: latencies.at(-1) });
    }
    await load.stop();
    return { windows };
  },

  /** Sends at a rate that leaves the event loop time: how much of it is taken. */
  async paced({ ratePerSecond, bytes, ...plan }) {
    const load = sendPaced(template, TOPIC, bytes, { ratePerSecond });
    const windows = await measured(plan, () => ({ count: load.acknowledged() }));
    await load.stop();
    return { windows };
  },

  /** What the store inside says of its segments. */
  segments() {
    const [connection] = context.get(MessagingConnections, { strict: false }).all();
    const { segments, recycledSegments, createdSegments, flushes } = connection.host.health().store;
    return { segments, recycled: recycledSegments, created: createdSegments, flushes: flushes.count };
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
