// Some of the connections that all send the same ids, each until every one of them is acknowledged.
//   node sender-process.js <port> <connections> <ids> <with dedupId: true|false>
// Told with each message how far it may go, so that all processes are at the same ids at the same time.
import { MessagingClient } from '../../../dist/client/index.js';
import { silentLogger, systemPlatform } from '../../../dist/platform/index.js';
import { TcpConnector } from '../../../dist/remoting/index.js';

/** At once by each connection: the same id is then on its way many times before the first one is on the disk. */
const IN_FLIGHT = 16;
const PAUSE_AFTER_FAILURE_MILLIS = 100;

const [port, connections, ids, deduplicated] = process.argv.slice(2).map((text) => JSON.parse(text));
const results = Array.from({ length: ids }, () => ({ places: new Set(), firsts: 0 }));
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_FAILURE_MILLIS));
let acknowledged = 0;
let again = 0;
let limit = 0;
let raised = () => undefined;
let raising = new Promise((resolve) => (raised = resolve));

process.on('message', (message) => {
  limit = message.limit;
  raised();
  raising = new Promise((resolve) => (raised = resolve));
});
process.on('disconnect', () => process.exit());

const platform = systemPlatform({ logger: silentLogger });

async function connect() {
  const client = new MessagingClient(
    {
      application: 'dedup-load',
      nameServers: [`127.0.0.1:${port}`],
      connector: new TcpConnector({ connectTimeout: 500 }, platform.clock, platform.logger),
      sendRetries: 0,
      routeRefreshMillis: 1_000,
    },
    platform,
  );
  await client.start();
  return client;
}

async function sendAll(client) {
  let next = 0;
  const worker = async () => {
    for (let id = next++; id < ids; id = next++) {
      while (id >= limit) await raising;
      const message = {
        topic: 'payments',
        body: Buffer.from(String(id)),
        dedupId: deduplicated ? `id-${id}` : undefined,
      };
      for (;;) {
        try {
          const { queueId, queueOffset, duplicate } = await client.producer.send(message, { timeoutMillis: 3_000 });
          results[id].places.add(`${queueId}:${queueOffset}`);
          if (duplicate !== true) results[id].firsts += 1;
          break;
        } catch {
          // It may be stored, and may not: only sending it again tells.
          again += 1;
          await pause();
        }
      }
      acknowledged += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

const clients = await Promise.all(Array.from({ length: connections }, connect));
const told = setInterval(() => process.send({ acknowledged }), 20);
await Promise.all(clients.map(sendAll));
clearInterval(told);
process.send({
  acknowledged,
  again,
  done: results.map(({ places, firsts }) => [[...places], firsts]),
});
