// The samples that need a Redis or a PostgreSQL, as a newcomer would run and break them. After `node scripts/build.js lib test`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from '../../../scripts/build.js';

const EXIT_MISSING = 77;
const WITHIN_MILLIS = 240_000;
/** After the last booking: its mark is there, and the next two payments, which take a second each, are both at work. */
const MID_PAYMENT_MILLIS = 300;
const tests = process.env.NESTMQ_TEST_ROOT ?? '.test';
const support = new URL(`../../../${tests}/test/services/support/index.js`, import.meta.url).href;
const { missingServices, startPostgres, startRedis } = await import(support);
const missing = missingServices(['redis', 'postgres']);
if (missing.length > 0) {
  for (const what of missing) console.log(`missing: ${what}`);
  process.exit(EXIT_MISSING);
}
if (!build('sample')) process.exit(1);

/** Runs a sample in a folder; `at` is called for each line that it prints, with the process. */
async function run(name, flags, env, folder, at = () => undefined) {
  const program = fileURLToPath(new URL(`../../../sample/dist/${name}/main.js`, import.meta.url));
  const child = spawn(process.execPath, [program, ...flags], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: WITHIN_MILLIS,
    killSignal: 'SIGKILL',
  });
  const lines = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const reader = createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    at(line, child);
  });
  const read = once(reader, 'close');
  const [code, signal] = await once(child, 'close');
  await read;
  return { code, signal, lines, errors };
}

/** What a sample says of its ledger. */
function ledger({ lines, errors }) {
  const said = lines.map((line) => /^(\d+) payments: (\d+) booked once, (\d+) more than once, (\d+) never$/.exec(line));
  const found = said.find((match) => match !== null);
  if (found === undefined) throw new Error(`no ledger in:\n${lines.join('\n')}\n${errors}`);
  const [payments, onceOnly, often, never] = found.slice(1).map(Number);
  return { payments, onceOnly, often, never };
}

/** For each line: calls `then` once, when so many were booked and none for a while. Two payments are at work, not always in step. */
function midPayment(count, then) {
  let booked = 0;
  let timer;
  return (line, child) => {
    if (!line.startsWith('booked') || booked === Infinity || ++booked < count) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      booked = Infinity;
      then(child);
    }, MID_PAYMENT_MILLIS);
  };
}

function expect(holds, what, result) {
  if (!holds) throw new Error(`${what}:\n${result.lines.join('\n')}\n${result.errors}`);
}

function eachOnce(result, payments) {
  const found = ledger(result);
  expect(result.code === 0, `it ended with ${result.code ?? result.signal}`, result);
  expect(found.payments === payments && found.onceOnly === payments, 'not every payment was booked once', result);
}

const PAYMENTS = '26-idempotent-payments';
const OUTBOX = '27-outbox';
const redis = await startRedis({ own: true, durable: true });
const postgres = await startPostgres({ own: true, durable: true });
const REDIS = { REDIS_URL: redis.url };
const POSTGRES = { DATABASE_URL: postgres.url };

const SHOWINGS = {
  [`${PAYMENTS}: each invoice is paid once`]: async (folder) => eachOnce(await run(PAYMENTS, [], REDIS, folder), 3),
  [`${PAYMENTS} --without: each invoice is paid twice`]: async (folder) => {
    const result = await run(PAYMENTS, ['--without'], REDIS, folder);
    expect(ledger(result).often === 3, 'not every payment was booked twice', result);
  },
  [`${PAYMENTS} --break: each invoice is paid once`]: async (folder) => {
    const result = await run(PAYMENTS, ['--break'], REDIS, folder);
    expect(result.lines.filter((line) => line.includes('has died')).length === 2, 'not both banks died', result);
    eachOnce(result, 40);
  },
  [`${PAYMENTS} --break --without: invoices are paid twice`]: async (folder) => {
    const result = await run(PAYMENTS, ['--break', '--without'], REDIS, folder);
    expect(ledger(result).often > 0, 'nothing was booked twice', result);
  },
  [`${PAYMENTS} --slow: killed, and Redis restarted, each invoice is paid once`]: async (folder) => {
    const kill = midPayment(4, (child) => child.kill('SIGKILL'));
    const killed = await run(PAYMENTS, ['--slow'], REDIS, folder, kill);
    expect(killed.signal === 'SIGKILL', 'it was not killed', killed);
    let restarted;
    const restart = midPayment(4, () => {
      restarted = redis
        .kill()
        .then(() => sleep(1_000))
        .then(() => redis.restart());
    });
    const result = await run(PAYMENTS, ['--slow'], REDIS, folder, restart);
    await restarted;
    eachOnce(result, 20);
  },
  [`${PAYMENTS}: says what to do without a Redis`]: async (folder) => {
    const result = await run(PAYMENTS, [], { REDIS_URL: 'redis://127.0.0.1:1' }, folder);
    expect(result.code === 1 && result.errors.includes('redis-server'), 'it does not say what to do', result);
  },
  [`${OUTBOX}: each order is paid once`]: async (folder) => eachOnce(await run(OUTBOX, [], POSTGRES, folder), 3),
  [`${OUTBOX} --break: each order is paid once`]: async (folder) => {
    const result = await run(OUTBOX, ['--break'], POSTGRES, folder);
    expect(result.lines.filter((line) => line.startsWith('killed')).length === 2, 'it was not killed', result);
    eachOnce(result, 300);
  },
  [`${OUTBOX} --break: with PostgreSQL restarted each order is paid once`]: async (folder) => {
    let restarted;
    const result = await run(OUTBOX, ['--break'], POSTGRES, folder, (line) => {
      if (line.startsWith('killed')) restarted ??= sleep(1_500).then(() => postgres.restart());
    });
    await restarted;
    eachOnce(result, 300);
  },
  [`${OUTBOX} --break --without: orders are lost or paid twice`]: async (folder) => {
    const result = await run(OUTBOX, ['--break', '--without'], POSTGRES, folder);
    const { often, never } = ledger(result);
    expect(often + never > 0, 'each order was paid once by chance', result);
  },
  [`${OUTBOX}: says what to do without a PostgreSQL`]: async (folder) => {
    const result = await run(OUTBOX, [], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, folder);
    expect(result.code === 1 && result.errors.includes('docker run'), 'it does not say what to do', result);
  },
};

let passed = 0;
let failed = 0;
try {
  for (const [name, show] of Object.entries(SHOWINGS)) {
    if (!name.includes(process.argv[2] ?? '')) continue;
    const folder = mkdtempSync(join(tmpdir(), 'nestmq-sample-'));
    const began = performance.now();
    try {
      await show(folder);
      passed++;
      console.log(`${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}: ${error.message}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
} finally {
  await Promise.all([redis.stop(), postgres.stop()]);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
