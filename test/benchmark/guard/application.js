// The paths that are guarded: template and listener in process with the broker, and over TCP through loopback.
import 'reflect-metadata';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { freePort } from '../../fault/support/free-port.js';

const IN_FLIGHT = 1000;
const BODY = Buffer.alloc(1024, 'x');
const BATCH = Array.from({ length: 100 }, () => Buffer.alloc(100, 'x'));
const KEYS = Array.from({ length: 64 }, (_, index) => `customer-${index}`);

/** Counts what a listener gets; `until` is resolved by the message that makes the number full. */
class Counter {
  count = 0;
  #wanted = Infinity;
  #reached = () => undefined;

  onMessage() {
    this.count += 1;
    if (this.count >= this.#wanted) this.#reached();
  }

  until(count) {
    if (this.count >= count) return Promise.resolve();
    this.#wanted = count;
    return new Promise((resolve) => (this.#reached = resolve));
  }
}

async function keepOpen(inFlight, count, send) {
  let begun = 0;
  const oneAfterAnother = async () => {
    while (begun < count) await send(begun++);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, oneAfterAnother));
}

async function openApplication(engine, options, listeners, perMessage) {
  const counters = {};
  const providers = listeners.map((listener) => {
    class Receiver extends Counter {
      onMessage() {
        perMessage();
        super.onMessage();
      }
    }
    engine.MessageListener(listener)(
      Receiver.prototype,
      'onMessage',
      Object.getOwnPropertyDescriptor(Receiver.prototype, 'onMessage'),
    );
    counters[listener.topic] = Receiver;
    return Receiver;
  });
  class GuardModule {}
  Module({ imports: [engine.MessagingModule.forRoot(options)], providers })(GuardModule);
  const application = await NestFactory.createApplicationContext(GuardModule, { logger: ['error'] });
  const registry = application.get(engine.MessageListenerRegistry, { strict: false });
  return {
    template: application.get(engine.MessagingTemplate),
    receiver: (topic) => {
      const counter = application.get(counters[topic]);
      const { name } = registry.list().find((listener) => listener.topic === topic);
      registry.pause(name);
      return { counter, resume: () => registry.resume(name), pause: () => registry.pause(name) };
    },
    close: () => application.close(),
  };
}

/** Sends to a paused listener, then lets it take the backlog: two paths, of which the second needs the first. */
function sendAndReceive({ counter, resume, pause }, send) {
  let sent = 0;
  return [
    async (count) => {
      await send(count);
      sent += count;
    },
    async () => {
      resume();
      await counter.until(sent);
      pause();
    },
  ];
}

/** Opens both ends; each path of `chosen` (default: all) does its work for so many messages, `perMessage` is called for each received one. */
export async function openPaths(build, directory, perMessage, chosen) {
  const engine = await import(new URL('index.js', build).href);
  const port = await freePort();
  const topics = ['plain', 'remote', 'ordered', 'small'].map((name) => ({ name, queues: 4 }));
  const host = await openApplication(
    engine,
    { application: 'guard', broker: { store: join(directory, 'store'), listen: port, topics } },
    [
      { topic: 'plain', group: 'plain', concurrency: 64 },
      { topic: 'ordered', group: 'ordered', mode: engine.ConsumeMode.ORDERLY },
    ],
    perMessage,
  );
  const client = await openApplication(
    engine,
    { application: 'guard-client', nameServer: `127.0.0.1:${port}` },
    [{ topic: 'remote', group: 'remote', concurrency: 64 }],
    perMessage,
  );

  const [send, receive] = sendAndReceive(host.receiver('plain'), (count) =>
    keepOpen(IN_FLIGHT, count, () => host.template.syncSend('plain', BODY)),
  );
  const [sendRemote, receiveRemote] = sendAndReceive(client.receiver('remote'), (count) =>
    keepOpen(IN_FLIGHT, count, () => client.template.syncSend('remote', BODY)),
  );
  const [sendOrdered, receiveOrdered] = sendAndReceive(host.receiver('ordered'), (count) =>
    keepOpen(IN_FLIGHT, count, (index) => host.template.sendOrderly('ordered', BODY, KEYS[index % KEYS.length])),
  );
  const batch = (count) => keepOpen(10, count / BATCH.length, () => host.template.batch('small', BATCH));
  const paths = {
    'send embedded': send,
    'receive embedded': receive,
    'send over TCP': sendRemote,
    'receive over TCP': receiveRemote,
    'send orderly': sendOrdered,
    'receive orderly': receiveOrdered,
    'send batch of 100': batch,
  };
  return {
    paths: Object.fromEntries(Object.entries(paths).filter(([name]) => chosen === undefined || chosen.includes(name))),
    async close() {
      await client.close();
      await host.close();
    },
  };
}
