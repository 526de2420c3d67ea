// kill -9 of a broker under load, many times over one store.
//
// This process is the load: it keeps `IN_FLIGHT` sends open, writes each acknowledgement into a journal, and handles
// the messages in a consumer group that lives through all the rounds. The broker is another process; it dies by SIGKILL at
// a random moment, once at least `ACKNOWLEDGED_A_ROUND` sends of the round were acknowledged, and is started again.
//
// At the end every acknowledged message must have been handled with its own content, and a new group that reads from the
// start must find each of them in the log.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsumeMode, MessagingClient } from '../../../dist/client/index.js';
import { silentLogger, systemPlatform } from '../../../dist/platform/index.js';
import { TcpConnector } from '../../../dist/remoting/index.js';
import { freePort } from '../support/free-port.js';

const IN_FLIGHT = 256;
const ACKNOWLEDGED_A_ROUND = 5_000;
const FIRST_ACKNOWLEDGEMENT_WITHIN_MS = 2_000;
const DRAINED_WITHIN_MS = 120_000;
/** A disk that loses messages is not waited for: what has not come once nothing comes any more does not come. */
const QUIET_AFTER_MS = 5_000;
const BODY_BYTES = 256;
const TOPIC = 'kill-loop';

/** The body names its message and proves its content, so that a mixed-up record cannot pass for the right one. */
function bodyOf(id) {
  const head = `${id} ${createHash('sha256').update(String(id)).digest('hex')} `;
  return Buffer.from(head.padEnd(BODY_BYTES, '.'));
}

function idOf(body) {
  const id = Number(body.toString('latin1', 0, body.indexOf(0x20)));
  return bodyOf(id).equals(body) ? id : undefined;
}

function client(port, application) {
  const platform = systemPlatform({ logger: silentLogger });
  const connector = new TcpConnector({ connectTimeout: 500 }, platform.clock, platform.logger);
  return new MessagingClient(
    {
      application,
      nameServers: [`127.0.0.1:${port}`],
      connector,
      sendRetries: 0,
      routeRefreshMillis: 1_000,
      rebalanceMillis: 1_000,
    },
    platform,
  );
}

/** Waits until nothing is left, for as long as something comes if the disk is known to lose messages. */
async function drain(left, { losing, what }) {
  let [fewest, at] = [Infinity, performance.now()];
  const drained = () => {
    const count = left().length;
    if (count < fewest) [fewest, at] = [count, performance.now()];
    return count === 0 || (losing && performance.now() - at > QUIET_AFTER_MS);
  };
  await until(drained, DRAINED_WITHIN_MS, what).catch(() => undefined);
}

async function until(condition, withinMillis, what) {
  const deadline = performance.now() + withinMillis;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${withinMillis} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function collect(messagingClient, group, seen, from) {
  const consumer = messagingClient.consumer({ group, mode: ConsumeMode.CONCURRENT, from });
  let damaged = 0;
  consumer.add({
    name: group,
    topic: TOPIC,
    handle(message) {
      const id = idOf(message.body);
      if (id === undefined) damaged += 1;
      else seen.add(id);
      return { kind: 'acknowledge' };
    },
  });
  return { consumer, damaged: () => damaged };
}

/** Runs the rounds; returns what was found. `flush` is the broker's: a killed process loses nothing under either. */
export async function killLoop({ rounds, flush = 'sync', variant = '', log = console.log }) {
  const directory = mkdtempSync(join(tmpdir(), 'nestmq-kill-'));
  const journal = join(directory, 'acknowledged.txt');
  const port = await freePort();
  const acknowledged = new Set();
  const handled = new Set();
  const firstAcknowledgements = [];
  let nextId = 0;
  let broker;

  const start = async () => {
    const spawnedAt = performance.now();
    broker = fork(
      new URL('./broker-process.js', import.meta.url),
      [join(directory, 'store'), String(port), flush, variant],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    const exited = once(broker, 'exit').then(([code, signal]) => {
      throw new Error(`the broker ended before it was ready (code ${code}, signal ${signal})`);
    });
    exited.catch(() => undefined);
    await Promise.race([once(broker, 'message'), exited]);
    return spawnedAt;
  };

  let spawnedAt = await start();
  const sender = client(port, 'kill-load');
  await sender.start();
  const receiver = client(port, 'kill-handler');
  await receiver.start();
  const live = collect(receiver, 'kill-handlers', handled, 'earliest');
  await live.consumer.register();
  await live.consumer.start();

  try {
    for (let round = 1; round <= rounds; round += 1) {
      let inRound = 0;
      let first;
      let dead = false;
      const kill = () => {
        dead = true;
        broker.kill('SIGKILL');
      };
      const gone = once(broker, 'exit');
      const oneAfterAnother = async () => {
        while (!dead) {
          const id = nextId++;
          try {
            await sender.producer.send({ topic: TOPIC, body: bodyOf(id) }, { timeoutMillis: 20_000, retries: 0 });
          } catch {
            // Not acknowledged: it may or may not be in the log, and nothing was promised.
            await new Promise((resolve) => setTimeout(resolve, 5));
            continue;
          }
          first ??= performance.now() - spawnedAt;
          acknowledged.add(id);
          appendFileSync(journal, `${id}\n`);
          inRound += 1;
          if (inRound === ACKNOWLEDGED_A_ROUND) setTimeout(kill, Math.random() * 150);
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, oneAfterAnother));
      await gone;
      firstAcknowledgements.push(first);
      if (first > FIRST_ACKNOWLEDGEMENT_WITHIN_MS) {
        throw new Error(`round ${round}: the first acknowledgement came ${first.toFixed(0)} ms after the spawn`);
      }
      spawnedAt = await start();
    }

    const missing = () => [...acknowledged].filter((id) => !handled.has(id));
    const losing = variant !== '';
    await drain(missing, { losing, what: 'handling every acknowledged message' });
    const inLog = new Set();
    const auditor = client(port, 'kill-audit');
    await auditor.start();
    const audit = collect(auditor, 'kill-auditors', inLog, 'earliest');
    await audit.consumer.register();
    await audit.consumer.start();
    const lost = () => [...acknowledged].filter((id) => !inLog.has(id));
    await drain(lost, { losing, what: 'reading every acknowledged message' });
    await auditor.shutdown(1_000);

    const sorted = firstAcknowledgements.slice(1).sort((a, b) => a - b);
    const result = {
      rounds,
      acknowledged: acknowledged.size,
      lost: lost().length,
      unhandled: missing().length,
      damaged: live.damaged() + audit.damaged(),
      firstAcknowledgementMillis: {
        median: Math.round(sorted[sorted.length >> 1] ?? firstAcknowledgements[0]),
        max: Math.round(Math.max(...firstAcknowledgements)),
      },
    };
    log(`kill -9, flush ${flush}${variant && `, ${variant} disk`}: ${JSON.stringify(result)}`);
    return result;
  } finally {
    await sender.shutdown(500);
    await receiver.shutdown(500);
    broker.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}
