// The process that measures: `node test/benchmark/guard/measure.js OPTIONS` with OPTIONS as JSON
// `{ rounds, messages, paths?, broken? }` prints path → figure → median of the rounds as JSON. In a round one path follows the other with the
// yardstick in between, so that whatever the machine does meanwhile meets all of them; processor time is that of the quietest rounds.
import { countAllocations, countAsync, machineCalls } from './counters.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openPaths } from './application.js';
import { breakEngine } from './broken.js';
import { calibrate } from './calibration.js';

const { rounds, messages, paths: chosen, broken } = JSON.parse(process.argv[2] ?? '{}');
const build = pathToFileURL(`${resolve(process.env.NESTMQ_BUILD ?? 'dist')}/`);
const directory = mkdtempSync(join(process.env.NESTMQ_TEST_DIRECTORY ?? tmpdir(), 'nestmq-guard-'));
/** Small messages are more for the same time. */
const COUNTS = { 'send batch of 100': 5 };
const YARDSTICKS = 6;
const countOf = (name) => messages * (COUNTS[name] ?? 1);

/** Of the rounds, those in which path and yardstick together took least: what runs beside them costs caches and clock. */
const QUIET_SHARE = 1 / 3;
const LEAST_QUIET = 2;

/** Processor time of a message as a multiple of the yardstick's. */
function quietest(rounds) {
  const quiet = rounds.toSorted((a, b) => a.message + a.yardstick - b.message - b.yardstick);
  quiet.length = Math.max(LEAST_QUIET, Math.floor(rounds.length * QUIET_SHARE));
  const sum = (key) => quiet.reduce((total, round) => total + round[key], 0);
  return sum('message') / sum('yardstick');
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Microseconds of processor time in user mode, threads of the process included. */
async function processorTime(work) {
  const before = process.cpuUsage();
  await work();
  return process.cpuUsage(before).user;
}

/** What one message of the yardstick takes now; long enough for the kernel's clock ticks to tell user from system time. */
async function measureYardstick() {
  const count = messages * YARDSTICKS;
  return (await processorTime(() => calibrate(count))) / count;
}

async function timeRound(paths, samples) {
  let yardstick = await measureYardstick();
  for (const [name, path] of Object.entries(paths)) {
    const count = countOf(name);
    const calls = machineCalls();
    const allocations = countAllocations();
    const used = await processorTime(() => path(count));
    const heapBytes = allocations.stop();
    const after = machineCalls();
    const next = await measureYardstick();
    const sample = (samples[name] ??= { processor: [], heapBytes: [] });
    sample.processor.push({ message: used / count, yardstick: (yardstick + next) / 2 });
    sample.heapBytes.push(heapBytes / count);
    for (const [what, number] of Object.entries(after)) (sample[what] ??= []).push((number - calls[what]) / count);
    yardstick = next;
  }
}

async function asyncRound(paths, samples) {
  for (const [name, path] of Object.entries(paths)) {
    const count = countOf(name);
    const hook = countAsync();
    await path(count);
    for (const [what, number] of Object.entries(hook.stop())) samples[name][what] = [number / count];
  }
}

const samples = {};
try {
  const perMessage = await breakEngine(broken, build);
  const { paths, close } = await openPaths(build, directory, perMessage, chosen);
  try {
    for (let warm = 0; warm < 2; warm++) await timeRound(paths, {});
    for (let round = 0; round < rounds; round++) await timeRound(paths, samples);
    await asyncRound(paths, samples);
  } finally {
    await close();
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const figure = (what, values) => (what === 'processor' ? quietest(values) : median(values));
const medians = (sample) =>
  Object.fromEntries(Object.entries(sample).map(([what, values]) => [what, figure(what, values)]));
console.log(
  JSON.stringify(Object.fromEntries(Object.entries(samples).map(([name, sample]) => [name, medians(sample)]))),
);
