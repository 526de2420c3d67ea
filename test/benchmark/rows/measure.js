// Our rows: a server on an empty folder, its runs one after the other, the folder removed.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deviceFlushes } from '../machine.js';
import { summarize } from '../statistics.js';

/** Between two runs of a process that is warm already only what the last run left behind has to pass. */
const LATER_WARM_UP_SECONDS = 0.5;
const SUMMARIZED = ['perSecond', 'sentPerSecond', 'receivedPerSecond', 'clientMicros', 'serverMicros', 'perSync'];
const LATENCIES = ['p50', 'p99', 'max'];

/** How a run's warm-up shortens once the process is warm. */
export const warmUpOf = (plan, run) =>
  run === 0 ? plan.warmUpSeconds : Math.min(LATER_WARM_UP_SECONDS, plan.warmUpSeconds);

/** Medians and ranges of everything that all runs have measured. */
export function summarizeRuns(runs) {
  const summary = {};
  const add = (key, values) => {
    if (values.every(Number.isFinite)) summary[key] = summarize(values);
  };
  for (const key of [...SUMMARIZED, ...LATENCIES])
    add(
      key,
      runs.map((run) => run[key]),
    );
  add(
    'loop',
    runs.map((run) => run.client?.loop),
  );
  return summary;
}

/** Rows next to each other with the same server, each of them a list. */
export function groupByServer(rows) {
  const groups = [];
  for (const row of rows) {
    if (groups.at(-1)?.[0].server === row.server) groups.at(-1).push(row);
    else groups.push([row]);
  }
  return groups;
}

async function measureRow(row, plan, server, directory, say) {
  say.row(row, plan);
  const flushesBefore = deviceFlushes(directory);
  let runs = [];
  if (row.runAll !== undefined) {
    runs = await row.runAll(server, { ...row.spec, ...plan }, plan);
    for (const run of runs) say.run(run);
  } else {
    for (let run = 0; run < plan.runs; run++) {
      const spec = { ...row.spec, seconds: plan.seconds, warmUpSeconds: warmUpOf(plan, run) };
      runs.push(await row.run(server, spec));
      say.run(runs.at(-1));
    }
  }
  const { name, title, processes, spec } = row;
  const flushes = deviceFlushes(directory);
  return {
    row: name,
    title,
    subject: 'nestmq',
    durability: server.durability,
    processes,
    spec,
    plan,
    facts: server.facts,
    notes: await row.notes?.(server, runs),
    deviceFlushes: flushes === undefined ? undefined : flushes - flushesBefore,
    summary: summarizeRuns(runs),
    runs,
  };
}

/** The results of the rows, in their order. */
export async function measureRows(rows, planOf, root, say) {
  const results = [];
  for (const group of groupByServer(rows)) {
    const directory = join(root, group[0].name);
    mkdirSync(directory);
    let server;
    try {
      server = await group[0].server.open(directory);
      for (const row of group) results.push(await measureRow(row, planOf(row), server, directory, say));
    } catch (error) {
      // The other rows are measured all the same; the run fails in the end.
      say.broken(group.map(({ name }) => name).join(', '), error);
    } finally {
      await server?.close().catch((error) => say.broken(`closing ${group[0].name}`, error));
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return results;
}
