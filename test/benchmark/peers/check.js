// `node test/benchmark/peers/check.js [id ...] [--seconds 1] [--windows 2] [--in-flight 1000] [--bytes 1024]`: each peer is opened, measured
// briefly by each operation that it has, and closed; nothing of it runs afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PEERS } from './index.js';
import { isRunning } from './support/own-process.js';

const EXIT_MISSING = 77;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '1' },
    windows: { type: 'string', default: '2' },
    'in-flight': { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '1024' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const spec = {
  seconds: Number(values.seconds),
  warmUpSeconds: Math.min(2, Number(values.seconds) / 2),
  windows: Number(values.windows),
  inFlight: Number(values['in-flight']),
  bytes: Number(values.bytes),
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

const number = (value, digits = 1) => value.toFixed(digits);
let failed = 0;
let missing = 0;
function expect(condition, what) {
  if (condition) return;
  failed++;
  console.log(`  FAILED: ${what}`);
}

function showMeasured(name, windows) {
  expect(windows.length === spec.windows, `${name} has ${spec.windows} windows, not ${windows.length}`);
  for (const measured of windows) showWindow(name, measured);
}

function showWindow(name, measured) {
  const { perSecond, count, seconds, clientMicros, serverMicros } = measured;
  const rate = `${number(perSecond / 1000)} k/s`.padStart(12);
  const micros = `client ${number(clientMicros, 2)} us, server ${number(serverMicros, 2)} us a message`;
  console.log(`  ${name.padEnd(10)}${rate}  ${count} in ${number(seconds, 2)} s, ${micros}`);
  expect(count > 0 && seconds > 0 && clientMicros > 0 && serverMicros > 0, `${name} has measured something`);
}

async function check(id, peer) {
  const lacking = peer.missing();
  if (lacking !== undefined) {
    console.log(`missing: ${lacking}`);
    missing++;
    return;
  }
  const directory = mkdtempSync(join(values.directory, `nestmq-peer-${id}-`));
  // Also when it is told to end early.
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  const started = performance.now();
  let pids = [];
  try {
    const server = await peer.open(join(directory, 'data'));
    try {
      pids = server.pids();
      console.log(`${peer.name} (${server.durability}), open after ${number((performance.now() - started) / 1000)} s`);
      for (const [fact, value] of Object.entries(server.facts)) console.log(`  ${fact}: ${value}`);
      expect(pids.length > 0, 'it has processes');
      if (server.send) showMeasured('send', await server.send(spec));
      if (server.send) showMeasured('one by one', await server.send({ ...spec, inFlight: 1 }));
      if (server.receive) showMeasured('receive', await server.receive(spec));
      if (server.latency) {
        const windows = await server.latency({ ...spec, ratePerSecond: 1000 });
        expect(windows.length === spec.windows, `latency has ${spec.windows} windows, not ${windows.length}`);
        for (const { p50, p99, max, count } of windows) {
          const millis = `p50 ${number(p50, 3)}, p99 ${number(p99, 3)}, max ${number(max, 3)} ms`;
          console.log(`  latency   ${millis} of ${count} at 1000/s`);
          expect(count >= spec.seconds * 900, 'latency of all messages');
        }
      }
      pids.push(...server.pids());
    } finally {
      await server.close();
    }
    console.log(`  closed after ${number((performance.now() - started) / 1000)} s in all`);
  } finally {
    remove();
  }
  const left = [...new Set(pids)].filter(isRunning);
  expect(left.length === 0, `nothing runs afterwards: ${left.join(', ')}`);
}

const unknown = positionals.filter((name) => !PEERS.some(({ id }) => id === name));
if (unknown.length > 0)
  throw new Error(`no peer ${unknown.join(', ')}; there are ${PEERS.map(({ id }) => id).join(', ')}`);
for (const { id, load } of PEERS) {
  if (positionals.length > 0 && !positionals.includes(id)) continue;
  try {
    await check(id, await load());
  } catch (error) {
    failed++;
    console.log(`  FAILED: ${error.stack}`);
  }
}
process.exit(failed > 0 ? 1 : missing > 0 ? EXIT_MISSING : 0);
