// What shards gain: `nestmq broker`, and `nestmq broker --shards 1` and `2`, in turns; one and two applications that send, then
// receive what was sent. Processor time is that of all processes of the broker together, and of all applications.
//   node test/benchmark/shards.js [--seconds 5] [--rounds 3] [--in-flight 1000] [--bytes 1024] [--directory DIR]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Application, Standalone } from './subject/process.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    'in-flight': { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '1024' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const seconds = Number(values.seconds);
const WARM_UP_SECONDS = 1;
const CONCURRENCY = 64;
/** USER_HZ of Linux. */
const MICROS_A_TICK = 10_000;
const BROKERS = { 'no shards': [], '1 shard': ['--shards', '1'], '2 shards': ['--shards', '2'] };
const CLIENTS = [1, 2];

const ticksOf = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
};
const processesOf = (pid) => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number))];
};
const microsOf = (pids) => pids.reduce((sum, pid) => sum + ticksOf(pid), 0) * MICROS_A_TICK;

/** All applications do the same at once; the rate is that of all, the broker's time that of the whole load. */
async function together(applications, broker, call, spec) {
  const pids = processesOf(broker.pid);
  const before = microsOf(pids);
  const answers = await Promise.all(applications.map((application) => application.call(call, spec)));
  const results = answers.map(({ windows: [window], sent }) => ({ ...window, sent }));
  const count = results.reduce((sum, result) => sum + result.count, 0);
  const handled = results.reduce((sum, result) => sum + (result.sent ?? result.count), 0);
  const own = results.reduce((sum, result) => sum + result.own.user + result.own.system, 0);
  return {
    perSecond: results.reduce((sum, result) => sum + result.perSecond, 0),
    clientMicros: own / count,
    serverMicros: (microsOf(pids) - before) / handled,
    handled,
  };
}

async function measure(flags, clients) {
  const directory = mkdtempSync(join(values.directory, 'nestmq-shards-'));
  let broker;
  const applications = [];
  try {
    broker = await Standalone.start(join(directory, 'store'), flags);
    const connection = { nameServer: broker.address };
    for (let index = 0; index < clients; index++) applications.push(await Application.start(`application ${index}`));
    for (const application of applications) await application.call('open', { connection });
    const inFlight = Number(values['in-flight']) / clients;
    const spec = { seconds, warmUpSeconds: WARM_UP_SECONDS, bytes: Number(values.bytes), inFlight };
    const send = await together(applications, broker, 'send', spec);
    const listener = { group: 'receivers', from: 'earliest', concurrency: CONCURRENCY };
    for (const application of applications) await application.call('close');
    for (const application of applications) await application.call('open', { connection, listener });
    // Half of the backlog at the most, so that none of them runs dry in its window.
    const backlog = send.handled / clients / 2;
    const receive = await together(applications, broker, 'receive', { seconds, warmUpSeconds: 0, backlog });
    return { send, receive };
  } finally {
    for (const application of applications) await application.stop();
    await broker?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const rows = new Map();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const clients of CLIENTS) {
    for (const [name, flags] of Object.entries(BROKERS)) {
      for (const [what, result] of Object.entries(await measure(flags, clients))) {
        const row = `${what}, ${clients} ${clients === 1 ? 'application' : 'applications'}, ${name}`;
        if (!rows.has(row)) rows.set(row, []);
        rows.get(row).push(result);
      }
    }
  }
}
const range = (results, figure, shown) => {
  const sorted = results.map((result) => result[figure]).toSorted((a, b) => a - b);
  return `${shown(sorted[Math.floor(sorted.length / 2)])} (${shown(sorted[0])}-${shown(sorted.at(-1))})`;
};
for (const [row, results] of [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
  const rate = range(results, 'perSecond', (value) => (value / 1000).toFixed(1));
  const client = range(results, 'clientMicros', (value) => value.toFixed(1));
  const broker = range(results, 'serverMicros', (value) => value.toFixed(1));
  console.log(`${row.padEnd(36)} ${rate} k/s, processor a message: application ${client} us, broker ${broker} us`);
}
