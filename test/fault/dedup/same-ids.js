// The same ids sent over many connections at once, while the broker is killed with SIGKILL and started again.
//
//   senders (two processes, `connections` clients) ── id 0, 1, 2 … each over every connection, until acknowledged ──► broker
//                                                                                             killed `kills` times ──┘
//
// At the end a new group reads the log from its start: each id must be there once. And whoever was acknowledged must have
// been told that one place.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsumeMode, MessagingClient } from '../../../dist/client/index.js';
import { silentLogger, systemPlatform } from '../../../dist/platform/index.js';
import { TcpConnector } from '../../../dist/remoting/index.js';
import { freePort } from '../support/free-port.js';

const PROCESSES = 2;
/** No connection is further ahead of the slowest than this, in ids. */
const STEP = 200;
const QUIET_MILLIS = 1_000;

const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

async function readLog(port) {
  const platform = systemPlatform({ logger: silentLogger });
  const connector = new TcpConnector({}, platform.clock, platform.logger);
  const client = new MessagingClient(
    { application: 'dedup-audit', nameServers: [`127.0.0.1:${port}`], connector },
    platform,
  );
  await client.start();
  const counts = new Map();
  let at = performance.now();
  const consumer = client.consumer({ group: 'audit', mode: ConsumeMode.CONCURRENT, from: 'earliest' });
  consumer.add({
    name: 'audit',
    topic: 'payments',
    handle(message) {
      const id = Number(message.text());
      counts.set(id, (counts.get(id) ?? 0) + 1);
      at = performance.now();
    },
  });
  await consumer.register();
  await consumer.start();
  const behind = async () => (await consumer.lag()).reduce((sum, { messages }) => sum + messages, 0);
  while (performance.now() - at < QUIET_MILLIS || (await behind()) > 0) await pause(50);
  await client.shutdown(1_000);
  return counts;
}

/** @param dedup Of the topic; undefined switches de-duplication off. Returns what was found. */
export async function sameIds({ connections, ids, kills, dedup }) {
  const directory = mkdtempSync(join(tmpdir(), 'nestmq-dedup-'));
  const port = await freePort();
  const settings = {
    store: join(directory, 'store'),
    listen: { host: '127.0.0.1', port },
    segmentBytes: 16 * 1024 * 1024,
    topics: [{ name: 'payments', queues: 4, ...(dedup && { dedup }) }],
  };
  let broker;
  const start = async () => {
    broker = fork(new URL('./broker-process.js', import.meta.url), [JSON.stringify(settings)]);
    const ended = once(broker, 'exit').then(() => Promise.reject(new Error('the broker ended at its start')));
    ended.catch(() => undefined);
    await Promise.race([once(broker, 'message'), ended]);
  };
  await start();
  const startedAt = performance.now();
  const senders = Array.from({ length: PROCESSES }, () => {
    const args = [port, connections / PROCESSES, ids, dedup !== undefined].map((value) => JSON.stringify(value));
    const child = fork(new URL('./sender-process.js', import.meta.url), args);
    const sender = { child, acknowledged: 0, again: 0, done: undefined };
    child.on('message', (message) => Object.assign(sender, message));
    child.on('exit', () => (sender.ended = true));
    return sender;
  });
  try {
    const total = connections * ids;
    let killed = 0;
    let limit = 0;
    while (senders.some(({ done }) => done === undefined)) {
      if (senders.some(({ ended, done }) => ended && done === undefined)) throw new Error('a sender has died');
      const acknowledged = senders.reduce((sum, sender) => sum + sender.acknowledged, 0);
      const slowest = Math.min(...senders.map((sender) => sender.acknowledged / (connections / PROCESSES)));
      const next = Math.min(ids, Math.floor(slowest / STEP) * STEP + 2 * STEP);
      if (next > limit) {
        limit = next;
        for (const { child } of senders) child.send({ limit });
      }
      if (killed < kills && acknowledged >= (total * (killed + 1)) / (kills + 1)) {
        killed += 1;
        await pause(Math.random() * 50);
        const gone = once(broker, 'exit');
        broker.kill('SIGKILL');
        await gone;
        await start();
      }
      await pause(10);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const counts = await readLog(port);
    const results = Array.from({ length: ids }, (_, id) => senders.map(({ done }) => done[id]));
    const places = results.map((parts) => new Set(parts.flatMap(([known]) => known)));
    return {
      sends: total,
      repeated: senders.reduce((sum, { again }) => sum + again, 0),
      kills: killed,
      seconds: Math.round(seconds * 10) / 10,
      missing: results.filter((_, id) => !counts.has(id)).length,
      twice: [...counts.values()].filter((count) => count > 1).length,
      // Acknowledged with another place than the others of its id.
      toldApart: places.filter((known) => known.size > 1).length,
      firstMoreThanOnce: results.filter((parts) => parts.reduce((sum, [, firsts]) => sum + firsts, 0) > 1).length,
    };
  } finally {
    for (const { child } of senders) child.disconnect();
    broker.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}
