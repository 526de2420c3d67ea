// Sending, receiving and both in one process, for a profile (`node --cpu-prof`); the table is that of run.js.
//   node test/benchmark/embedded.js [--seconds 10] [--in-flight 1000] [--bytes 1024] [--flush sync|async] [--directory DIR]
import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessageListenerRegistry, MessagingModule, MessagingTemplate } from '../../dist/index.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    'in-flight': { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '1024' },
    flush: { type: 'string', default: 'sync' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const seconds = Number(values.seconds);
const inFlight = Number(values['in-flight']);
const bytes = Number(values.bytes);
const TMPFS_MAGIC = 0x01021994;

mkdirSync(values.directory, { recursive: true });
if (statfsSync(values.directory).type === TMPFS_MAGIC) {
  console.error(`${values.directory} is a tmpfs: it has no disk to sync. Name another with --directory.`);
  process.exit(2);
}
const directory = mkdtempSync(join(values.directory, 'nestmq-bench-'));

class Receiver {
  received = 0;
  onMessage() {
    this.received += 1;
  }
}
MessageListener({ topic: 'bench', group: 'bench-receivers', concurrency: 64 })(
  Receiver.prototype,
  'onMessage',
  Object.getOwnPropertyDescriptor(Receiver.prototype, 'onMessage'),
);

class BenchModule {}
Module({
  imports: [
    MessagingModule.forRoot({
      application: 'bench',
      broker: { store: join(directory, 'store'), flush: values.flush, topics: [{ name: 'bench', queues: 4 }] },
    }),
  ],
  providers: [Receiver],
})(BenchModule);

const application = await NestFactory.createApplicationContext(BenchModule, { logger: ['error'] });
const template = application.get(MessagingTemplate);
const receiver = application.get(Receiver);
const listeners = application.get(MessageListenerRegistry, { strict: false });
const body = Buffer.alloc(bytes, 'x');

/** Keeps `inFlight` sends open for the given time; answers how many were acknowledged a second. */
async function sendFor(forSeconds) {
  const until = performance.now() + forSeconds * 1000;
  let sent = 0;
  const oneAfterAnother = async () => {
    while (performance.now() < until) {
      await template.syncSend('bench', body);
      sent += 1;
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, oneAfterAnother));
  return { sent, perSecond: sent / ((performance.now() - started) / 1000) };
}

async function untilReceived(count) {
  while (receiver.received < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

const thousands = (n) => `${(n / 1000).toFixed(1)} k/s`;
const processorBefore = () => process.cpuUsage();
const report = (what, perSecond, count, before) => {
  const used = process.cpuUsage(before);
  const micros = (part) => (part / count).toFixed(2);
  console.log(
    `${what.padEnd(28)} ${thousands(perSecond).padStart(12)}   processor a message: ${micros(used.user)} us own, ${micros(used.system)} us kernel`,
  );
};

console.log(
  `${cpus().length} x ${cpus()[0].model}, Node ${process.version}, flush ${values.flush}, ${bytes} B, ${inFlight} in flight, ${seconds} s each`,
);
try {
  const warmUp = await sendFor(2);
  let expected = warmUp.sent;
  await untilReceived(expected);

  for (const { name } of listeners.list()) listeners.pause(name);
  let before = processorBefore();
  const send = await sendFor(seconds);
  expected += send.sent;
  report('send', send.perSecond, send.sent, before);

  before = processorBefore();
  const started = performance.now();
  const already = receiver.received;
  for (const { name } of listeners.list()) listeners.resume(name);
  await untilReceived(expected);
  const drained = receiver.received - already;
  report('receive and acknowledge', drained / ((performance.now() - started) / 1000), drained, before);

  before = processorBefore();
  const both = await sendFor(seconds);
  expected += both.sent;
  report('send while receiving', both.perSecond, both.sent, before);
  await untilReceived(expected);
} finally {
  await application.close();
  rmSync(directory, { recursive: true, force: true });
}
