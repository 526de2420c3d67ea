// One of the processes that share a store: it opens it, sends and handles, and is killed, stopped or told to leave.
//   node process.js <folder of the compiled lib, as URL> <store> <record>
//
// What happens goes into the record, one line each, appended by one call so that the kernel gives the order among all
// processes: `a <key> <number> <called at> <acknowledged at>`, `f <key> <number> <code>`, `h <key> <number> <pid>`.
import { appendFileSync } from 'node:fs';

const [lib, store, record] = process.argv.slice(2);
const { ConsumeMode, MessagingClient } = await import(`${lib}client/index.js`);
const { systemPlatform } = await import(`${lib}platform/index.js`);
const { SharedBroker } = await import(`${lib}server/index.js`);

const ORDERED_KEYS = 4;
const PLAIN_LANES = 8;
/** What a busy machine may take; between two hosts it is the connection that waits, and for less. */
const SEND_MILLIS = 20_000;

// Engine and client keep no process alive by themselves.
const keepAlive = setInterval(() => undefined, 60_000);
const note = (...words) => appendFileSync(record, `${words.join(' ')}\n`);
const tell = (message) => process.connected && process.send(message);
const logger = Object.fromEntries(
  ['error', 'warn', 'log', 'debug', 'verbose'].map((level) => [
    level,
    (text) => (level === 'error' || level === 'log') && tell({ level, text }),
  ]),
);

const platform = systemPlatform({ logger });
let broker;
try {
  broker = await SharedBroker.open(
    {
      store,
      segmentBytes: 16 * 1024 * 1024,
      topics: [
        { name: 'ordered', queues: 4 },
        { name: 'plain', queues: 4 },
      ],
    },
    platform,
  );
} catch (error) {
  tell({ failed: error.code, text: error.message });
  process.disconnect();
  process.exit(3);
}
// As a connection of the Nest module makes it.
const client = new MessagingClient(
  {
    application: 'sharing',
    nameServers: ['in-process'],
    connector: broker.connector,
    compressOverBytes: Number.MAX_SAFE_INTEGER,
    offsetPersistMillis: 500,
    memberReturnMillis: 1000,
  },
  platform,
);
await client.start();

for (const [topic, mode] of [
  ['ordered', ConsumeMode.ORDERLY],
  ['plain', ConsumeMode.CONCURRENT],
]) {
  const consumer = client.consumer({ group: `${topic}-handlers`, mode, from: 'earliest' });
  consumer.add({
    name: topic,
    topic,
    handle(message) {
      note('h', message.text(), process.pid);
    },
  });
  await consumer.register();
  await consumer.start();
}

let sending = true;
async function lane(topic, key) {
  for (let number = 0; sending; number += 1) {
    const calledAt = Date.now();
    const message = { topic, body: Buffer.from(`${key} ${number}`), ...(topic === 'ordered' && { shardingKey: key }) };
    try {
      await client.producer.send(message, { timeoutMillis: SEND_MILLIS });
      note('a', key, number, calledAt, Date.now());
    } catch (error) {
      note('f', key, number, error.code);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const lanes = [];
function send() {
  for (let n = 0; n < ORDERED_KEYS; n += 1) lanes.push(lane('ordered', `o-${process.pid}-${n}`));
  for (let n = 0; n < PLAIN_LANES; n += 1) lanes.push(lane('plain', `p-${process.pid}-${n}`));
}

async function leave() {
  sending = false;
  await Promise.all(lanes);
  await client.shutdown(5_000);
  await broker.close();
  tell({ left: true });
  clearInterval(keepAlive);
  if (process.connected) process.disconnect();
}

process.on('message', async ({ ask, id }) => {
  if (ask === 'send') send();
  if (ask === 'rest') {
    sending = false;
    await Promise.all(lanes);
  }
  tell({ id, answer: broker.sharing() });
});
process.once('SIGTERM', () => void leave());
tell({ ready: broker.sharing(), summary: broker.summary() });
