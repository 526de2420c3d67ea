// Shards under one address, killed one after the other while two groups consume what twelve lanes send.
//   node test/fault/sharding/run.js [--rounds 3] [--shards 2] [--lib <URL>]
// Prints one line of JSON.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { until } from '../cluster/cluster.js';
import { Load } from '../cluster/load.js';
import { freePort } from '../support/free-port.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    shards: { type: 'string', default: '2' },
    lib: { type: 'string', default: new URL('../../../dist/', import.meta.url).href },
  },
});
/** Only there to end a hang. */
const PATIENCE_MILLIS = 60_000;
const rounds = Number(values.rounds);
const count = Number(values.shards);
const names = Array.from({ length: count }, (_, index) => `nestmq-${index}`);

function check(holds, what) {
  if (!holds) throw new Error(what);
}

/** The process of a shard: the child of the parent that has its folder open. */
function processOf(parent, index) {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
  return children.toSorted((a, b) => a - b)[index];
}

const folder = mkdtempSync(join(tmpdir(), 'nestmq-shards-'));
const port = await freePort(...names.map((_, index) => index + 1));
const args = ['broker', '--store', folder, '--shards', String(count), '--port', String(port), '--segment-bytes', '16m'];
const topics = ['--topic', 'plain', '--topic', 'ordered'];
const parent = spawn(process.execPath, [fileURLToPath(new URL('cli/main.js', values.lib)), ...args, ...topics], {
  stdio: ['ignore', 'pipe', 'pipe'],
});
const gone = once(parent, 'exit');
process.on('exit', () => parent.kill('SIGKILL'));
let log = '';
for (const stream of [parent.stdout, parent.stderr]) stream.on('data', (chunk) => (log += chunk));

const acknowledgedBy = (load, brokers) =>
  [...load.acknowledged.values()].filter((broker) => brokers.includes(broker)).length;

async function killOne(load, round) {
  const returns = () => log.match(/Shard \S+ is back/g)?.length ?? 0;
  const before = returns();
  const acknowledged = load.acknowledged.size;
  // Their order is that of their start, which restarts change: whichever it is, it is one of them.
  const pid = processOf(parent.pid, round % count);
  process.kill(pid, 'SIGKILL');
  const killed = performance.now();
  await until(
    () => log.match(/The process of shard \S+ has ended with SIGKILL/g)?.length === round + 1,
    PATIENCE_MILLIS,
    'it is said',
  );
  const victim = [...log.matchAll(/The process of shard (\S+) has ended/g)].at(-1)[1];
  await until(() => load.acknowledged.size > acknowledged + 200, PATIENCE_MILLIS, 'sends go to the other shards');
  await until(() => returns() > before, PATIENCE_MILLIS, `${victim} comes back`);
  const backMillis = Math.round(performance.now() - killed);
  const stored = acknowledgedBy(load, [victim]);
  await until(() => acknowledgedBy(load, [victim]) > stored, PATIENCE_MILLIS, `${victim} is sent to again`);
  return backMillis;
}

async function live() {
  await until(() => log.includes('; listening on'), PATIENCE_MILLIS, 'the shards start');
  const load = await Load.start(values.lib, [`127.0.0.1:${port}`]);
  const backMillis = [];
  try {
    await until(() => load.handled.size > 100, PATIENCE_MILLIS, 'the load begins');
    for (let round = 0; round < rounds; round++) backMillis.push(await killOne(load, round));
    await load.rest();
    check(load.plainFailures.length === 0, `sends without a key failed: ${load.plainFailures.slice(0, 3).join('; ')}`);
    for (const name of names) check(acknowledgedBy(load, [name]) > 0, `nothing was sent to ${name}`);
    await until(() => load.unhandled(names).length === 0, PATIENCE_MILLIS, 'everything acknowledged is handled');
    check(load.disordered() === 0, `${load.disordered()} messages were handled behind a later one of their key`);
    for (const [key, places] of load.places) check(places.size === 1, `${key} was in ${[...places].join(' and ')}`);
  } finally {
    await load.end();
  }
  parent.kill('SIGTERM');
  const [code] = await gone;
  check(code === 0, `it stopped with ${code}`);
  const { acknowledged, handled, keyedFailures } = load;
  return {
    acknowledged: acknowledged.size,
    handled: handled.size,
    keyedFailures: Object.fromEntries(keyedFailures),
    backMillis,
  };
}

let failed = 0;
try {
  console.log(`kill: ${JSON.stringify(await live())}`);
} catch (error) {
  failed = 1;
  console.error('kill failed:', error, log);
} finally {
  parent.kill('SIGKILL');
  await gone;
  // A shard whose parent was killed is still closing its store.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
console.log(`${1 - failed} passed, ${failed} failed`);
process.exit(failed);
