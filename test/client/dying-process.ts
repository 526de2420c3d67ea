import { writeSync } from 'node:fs';
import { systemPlatform, silentLogger } from '../../lib/platform/index.js';
import { ExtensionProperty } from '../../lib/protocol/index.js';
import { BrokerHost } from '../../lib/server/index.js';
import { ConsumeMode, MessagingClient, type ListenerBinding } from '../../lib/client/index.js';

/**
 * An application with the broker inside; the message `kill` ends it. Started by `dying-process.spec.ts` again and again
 * over one store, until it has come to rest and ends by itself.
 *
 * Arguments: the store, the mode, how to die, how many messages to send first.
 */
const [store, mode, death, count] = process.argv.slice(2) as [string, ConsumeMode, string, string];

const platform = systemPlatform({ logger: silentLogger });
const topics = ['orders', 'letters'].map((name) => ({ name, queues: 4 }));
const host = await BrokerHost.start({ store, topics }, platform);
const client = new MessagingClient(
  {
    application: 'dying',
    nameServers: ['in-process'],
    connector: host.connector,
    offsetPersistMillis: 500,
    localOffsets: `${store}/broadcast`,
  },
  platform,
);
await client.start();

/** Synchronous, so that nothing said is lost with the process. */
function say(...words: unknown[]): void {
  writeSync(1, `${JSON.stringify(words)}\n`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function listen(group: string, topic: string, ofMode: ConsumeMode, handle: ListenerBinding['handle']) {
  const consumer = client.consumer({ group, mode: ofMode, from: 'earliest' });
  consumer.add({ name: group, topic, handle });
  await consumer.register();
  return consumer;
}

for (let n = 0; n < Number(count); n++) {
  const body = Buffer.from(n === 20 ? 'kill' : `order ${n}`);
  await client.producer.send({ topic: 'orders', body, shardingKey: `${n % 10}` });
  await client.producer.send({ topic: 'letters', body: Buffer.from(`letter ${n}`) });
}

// A broadcast instance has no dead letters: that it got past the message is all there is to see.
let dead = mode === ConsumeMode.BROADCAST ? Infinity : 0;
const consumers = [
  await listen('orders', 'orders', mode, async (message) => {
    const body = message.text();
    say('handles', body);
    await pause(2);
    if (body !== 'kill') return;
    if (death === 'abort') process.abort();
    process.exit(1);
  }),
  // Another group, with handlers that are always at work when the process dies.
  await listen('letters', 'letters', ConsumeMode.CONCURRENT, async (message) => {
    say('handles', message.text());
    await pause(20);
  }),
  await listen('undertaker', '%DLQ%orders', ConsumeMode.CONCURRENT, (message) => {
    dead++;
    say(
      'dead',
      message.text(),
      message.systemProperty(ExtensionProperty.DLQ_ERROR_CLASS),
      message.systemProperty(ExtensionProperty.DLQ_ERROR_MESSAGE),
    );
  }),
  await listen('other-undertaker', '%DLQ%letters', ConsumeMode.CONCURRENT, (message) => say('dead', message.text())),
];
for (const consumer of consumers) await consumer.start();

/** Whether all queues are there and everything in them is settled. */
async function settled(): Promise<boolean> {
  for (const consumer of consumers) {
    const lag = await consumer.lag();
    if (lag.some(({ messages }) => messages > 0)) return false;
  }
  const own = consumers.slice(0, 2).map((consumer) => consumer.state());
  return own.every(({ group, queues }) => queues.filter(({ topic }) => topic === group).length === 4);
}

/** It is so, and a while ago it was the same. */
async function atRest(): Promise<void> {
  for (let quiet = 0; quiet < 10;) {
    await pause(50);
    quiet = dead > 0 && (await settled()) ? quiet + 1 : 0;
  }
}

await atRest();
await client.shutdown(5000);
await host.stop();
