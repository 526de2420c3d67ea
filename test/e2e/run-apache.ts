// Runs the contract on a running Apache RocketMQ cluster, many behaviours side by side, since their time is real, and
// prints a line per behaviour and one JSON object at last.
//   node run-apache.js host:port [part of a name]
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Behaviour } from './behaviour.js';
import { lacking, show } from './run-one.js';
import { subjects } from './subjects.js';
import { apache } from './targets/apache.js';

const [nameServer = '127.0.0.1:9876', part = ''] = process.argv.slice(2);
const SIDE_BY_SIDE = Number(process.env.NESTMQ_SIDE_BY_SIDE ?? 24);
const PATIENCE_MILLIS = Number(process.env.NESTMQ_PATIENCE ?? 120_000);

const LANE_MILLIS = 400;
const target = apache(nameServer);
const excluded: string[] = [];
const failed: Record<string, string> = {};
const times: Record<string, number> = {};
let shown = 0;
process.on('unhandledRejection', (error) => console.log('STRAY', error));

async function run(behaviour: Behaviour): Promise<void> {
  shown++;
  let timer: NodeJS.Timeout | undefined;
  const started = performance.now();
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${PATIENCE_MILLIS} ms`)), PATIENCE_MILLIS);
  });
  try {
    await Promise.race([show(behaviour, target), tooLong]);
  } catch (error) {
    failed[behaviour.name] = String((error as Error)?.message ?? error);
    console.log(`FAILED  ${behaviour.name}: ${String((error as Error)?.message ?? error)}`);
  } finally {
    clearTimeout(timer);
    times[behaviour.name] = Math.round(performance.now() - started);
  }
}

const waiting = subjects.flatMap((subject) => subject.behaviours).filter(({ name }) => name.includes(part));
async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const missing = lacking(next, target);
    if (missing.length > 0) excluded.push(`${next.name} (needs ${missing.join(', ')})`);
    else await run(next);
  }
}
// One after the other: a JVM that has just started is slow with everything that it does for the first time.
await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, index) => sleep(index * LANE_MILLIS).then(lane)));
console.log(JSON.stringify({ shown, failed, excluded, times }));
process.exit(0);
