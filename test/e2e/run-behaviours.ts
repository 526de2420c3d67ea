// Runs the contract on one target without a test framework and prints one JSON object: names of the failed behaviours
// with what they failed with. The mutation runner starts it on changed copies of the engine.
//   node run-behaviours.js [JSON list of names]
// NESTMQ_TARGET=worker: on the broker behind the ports of its thread. Default: on the embedded one.
import 'reflect-metadata';
import { lacking, show } from './run-one.js';
import { subjects } from './subjects.js';
import { embedded } from './targets/embedded.js';
import { worker } from './targets/worker.js';

/** A behaviour that neither ends nor fails has failed: a changed engine may wait for something that never comes. */
const PATIENCE_MILLIS = Number(process.env.NESTMQ_PATIENCE ?? 20_000);
const chosen = process.argv[2] === undefined ? undefined : new Set(JSON.parse(process.argv[2]) as string[]);

// What a changed engine throws where nobody catches it belongs to the behaviour that runs.
let stray: unknown;
process.on('uncaughtException', (error) => (stray ??= error));
process.on('unhandledRejection', (error) => (stray ??= error));

const target = process.env.NESTMQ_TARGET === 'worker' ? worker : embedded;
const failed: Record<string, string> = {};
let shown = 0;
for (const behaviour of subjects.flatMap((subject) => subject.behaviours)) {
  if (chosen?.has(behaviour.name) === false || lacking(behaviour, target).length > 0) continue;
  shown++;
  stray = undefined;
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${PATIENCE_MILLIS} ms`)), PATIENCE_MILLIS);
  });
  try {
    await Promise.race([show(behaviour, target), tooLong]);
    if (stray !== undefined) throw stray;
  } catch (error) {
    failed[behaviour.name] = String((error as Error)?.message ?? error).slice(0, 200);
  } finally {
    clearTimeout(timer);
  }
}
console.log(JSON.stringify({ shown, failed }));
// What a changed engine has left behind must not keep the process.
process.exit(0);
