// What `@Idempotent` costs a message, by store: a backlog drained by a listener without it and by one with it for each store,
// one after the other in each round, all in one process with a broker in memory.
//   node test/benchmark/idempotency/run.js [--seconds 10] [--rounds 5] [--connections 10]
// A hundred messages a second given, so that the other benchmark's `--seconds` shortens this one too. Medians are printed, with
// the least and the most of the rounds. A missing server is named.
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Idempotent,
  MessageListener,
  MessageListenerRegistry,
  MessagingModule,
  MessagingTemplate,
} from '../../../dist/index.js';
import { openStores } from './stores.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '10' },
  },
  // Those of the other benchmarks.
  strict: false,
});
const rounds = Number(values.rounds);
const messages = Math.ceil(Number(values.seconds) * 100);
/** A tenth of the messages for what syncs the disk for each of them alone. */
const isSlow = (store) => store.startsWith('SQLite');
/** How many are handled at once, and how many a round: what one at a time waits for is what a store's answer takes. */
const WAYS = [
  { name: 'many', concurrency: 32, share: 1 },
  { name: 'single', concurrency: 1, share: 0.1 },
];
const PLAIN = 'without';
const EXIT_MISSING = 77;

const directory = mkdtempSync(join(tmpdir(), 'nestmq-bench-'));
const { stores, missing, close } = await openStores(Number(values.connections), directory);

/** A listener class for one store and one way; it counts. */
function listenerOf(store, concurrency, group) {
  class Receiver {
    received = 0;
    onMessage() {
      this.received += 1;
    }
  }
  const { prototype } = Receiver;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'onMessage');
  MessageListener({ topic: group, group, concurrency })(prototype, 'onMessage', descriptor);
  if (store !== undefined) Idempotent({ store })(prototype, 'onMessage', descriptor);
  return Receiver;
}

const measured = WAYS.flatMap((way) =>
  Object.entries({ [PLAIN]: undefined, ...stores }).map(([store, instance], n) => {
    const group = `${way.name}-${n}`;
    const count = Math.ceil(messages * way.share * (isSlow(store) ? 0.1 : 1));
    return { way, store, group, count, type: listenerOf(instance, way.concurrency, group), micros: [], processor: [] };
  }),
);

class BenchModule {}
Module({
  imports: [
    MessagingModule.forRoot({
      application: 'bench',
      broker: { memory: true, topics: measured.map(({ group }) => ({ name: group, queues: 4 })) },
    }),
  ],
  providers: measured.map(({ type }) => type),
})(BenchModule);

const application = await NestFactory.createApplicationContext(BenchModule, { logger: ['error'] });
const template = application.get(MessagingTemplate);
const listeners = application.get(MessageListenerRegistry, { strict: false });

const nameOf = (group) => listeners.list().find((listener) => listener.group === group).name;

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The time of one listener for its backlog, all others at rest. */
async function drain({ group, type, count, micros, processor }) {
  const receiver = application.get(type);
  const wanted = receiver.received + count;
  await Promise.all(Array.from({ length: count }, (_, n) => template.syncSend(group, `message ${n}`)));
  const before = process.cpuUsage();
  const began = performance.now();
  listeners.resume(nameOf(group));
  await until(() => receiver.received >= wanted);
  const took = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  listeners.pause(nameOf(group));
  micros.push((took * 1_000) / count);
  processor.push((user + system) / count);
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const range = (numbers) => {
  const all = sorted(numbers);
  return `${all[all.length >> 1].toFixed(0)} (${all[0].toFixed(0)}-${all.at(-1).toFixed(0)})`;
};

console.log(
  `${cpus().length} x ${cpus()[0].model}, Node ${process.version}, ${rounds} rounds: microseconds a message, median (least-most)`,
);
try {
  for (const { group } of measured) listeners.pause(nameOf(group));
  // The first round is not counted: code is compiled in it, and connections are opened.
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? measured : [...measured].reverse();
    for (const one of order) await drain(one);
    if (round > 0) continue;
    for (const { micros, processor } of measured) micros.length = processor.length = 0;
  }
  console.log(`${'store'.padEnd(38)} ${'32 at once'.padStart(18)} ${'processor'.padStart(18)} ${'one'.padStart(18)}`);
  for (const store of [PLAIN, ...Object.keys(stores)]) {
    const [many, single] = WAYS.map((way) => measured.find((one) => one.store === store && one.way === way));
    const columns = [many.micros, many.processor, single.micros].map((numbers) => range(numbers).padStart(18));
    console.log(`${store.padEnd(38)} ${columns.join(' ')}`);
  }
  for (const what of missing) console.log(`missing: ${what}`);
  if (missing.length > 0) process.exitCode = EXIT_MISSING;
} finally {
  await application.close();
  await close();
  rmSync(directory, { recursive: true, force: true });
}
