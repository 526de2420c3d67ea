// One row: a server on an empty folder, its runs one after the other, the folder removed.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deviceFlushes } from '../machine.js';
import { summarize } from '../statistics.js';

/** Between two runs of a process that is warm already only what the last run left behind has to pass. */
const LATER_WARM_UP_SECONDS = 0.5;

/** How a run's warm-up shortens once the process is warm. */
export const warmUpOf = (plan, run) =>
  run === 0 ? plan.warmUpSeconds : Math.min(LATER_WARM_UP_SECONDS, plan.warmUpSeconds);

/** Medians and ranges of everything that all runs have measured. */
export function summarizeRuns(runs) {
  const summary = {};
  for (const key of ['perSecond', 'clientMicros', 'serverMicros', 'perSync', 'p50', 'p99', 'max']) {
    const values = runs.map((run) => run[key]);
    if (values.every(Number.isFinite)) summary[key] = summarize(values);
  }
  const loops = runs.map((run) => run.client?.loop);
  if (loops.every(Number.isFinite)) summary.loop = summarize(loops);
  return summary;
}

export async function measureRow(row, plan, root, say) {
  const directory = join(root, row.name);
  mkdirSync(directory);
  const runs = [];
  let server;
  try {
    server = await row.open(directory);
    const flushesBefore = deviceFlushes(directory);
    for (let run = 0; run < plan.runs; run++) {
      const spec = { ...row.spec, seconds: plan.seconds, warmUpSeconds: warmUpOf(plan, run) };
      runs.push(await row.run(server, spec));
      say(row, runs.at(-1));
    }
    const flushesAfter = deviceFlushes(directory);
    return {
      row: row.name,
      title: row.title,
      subject: 'nestmq',
      durability: server.durability,
      processes: row.processes,
      spec: row.spec,
      plan,
      facts: server.facts,
      notes: await row.notes?.(server, runs),
      deviceFlushes: flushesAfter === undefined ? undefined : flushesAfter - flushesBefore,
      summary: summarizeRuns(runs),
      runs,
    };
  } finally {
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
