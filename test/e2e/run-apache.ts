// Runs the contract on a running Apache RocketMQ cluster, many behaviours side by side, since their time is real, and
// prints what failed, and what cannot be shown there and why.
//   node run-apache.js host:port ['part of a name|…']
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Behaviour } from './behaviour.js';
import { leftOut, show } from './run-one.js';
import { subjects } from './subjects.js';
import { apache } from './targets/apache.js';
import { ownLog, withOwnLog } from './targets/log-by-context.js';

const [nameServer = '127.0.0.1:9876', part = ''] = process.argv.slice(2);
const SIDE_BY_SIDE = Number(process.env.NESTMQ_SIDE_BY_SIDE ?? 50);
const PATIENCE_MILLIS = Number(process.env.NESTMQ_PATIENCE ?? 150_000);

/** What behaviours took last time, as far as it was long. */
const SECONDS = JSON.parse(process.env.NESTMQ_LONGEST ?? '{}') as Readonly<Record<string, number>>;
const LANE_MILLIS = 400;
const target = apache(nameServer);
const excluded: string[] = [];
const failed: Record<string, string> = {};
const times: Record<string, number> = {};
let shown = 0;
process.on('unhandledRejection', (error) => console.log('STRAY', error));

/** What waits for minutes begins first: begun last it would be waited for by nobody else. */
function longest({ name }: Behaviour): number {
  return SECONDS[name] ?? 0;
}

/** What went wrong on a machine that nobody can look at is told by what was logged on the way. */
async function showOrTell(behaviour: Behaviour): Promise<void> {
  try {
    await show(behaviour, target);
  } catch (error) {
    for (const { level, text } of ownLog()) console.log(`${behaviour.name}: ${level}: ${text}`);
    throw error;
  }
}

async function run(behaviour: Behaviour): Promise<void> {
  shown++;
  let timer: NodeJS.Timeout | undefined;
  const started = performance.now();
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${PATIENCE_MILLIS} ms`)), PATIENCE_MILLIS);
  });
  try {
    await Promise.race([withOwnLog(() => showOrTell(behaviour)), tooLong]);
  } catch (error) {
    failed[behaviour.name] = String((error as Error)?.message ?? error);
    console.log(`FAILED  ${behaviour.name}: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    clearTimeout(timer);
    times[behaviour.name] = Math.round(performance.now() - started);
  }
}

const waiting = subjects
  .flatMap((subject) => subject.behaviours)
  .filter(({ name }) => part.split('|').some((one) => name.includes(one)))
  .sort((a, b) => longest(b) - longest(a));
async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const why = leftOut(next, target);
    if (why === undefined) await run(next);
    else excluded.push(`${next.name} (${why})`);
  }
}
// One after the other: a JVM that has just started is slow with everything that it does for the first time.
await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, index) => sleep(index * LANE_MILLIS).then(lane)));
if (excluded.length > 0) console.log(`not shown on ${target.name}:\n  ${excluded.join('\n  ')}`);
if (process.env.NESTMQ_TIMES !== undefined) console.log(JSON.stringify(times));
const failures = Object.keys(failed).length;
console.log(`${shown - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
