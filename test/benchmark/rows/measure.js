// Our rows: a server on an empty folder, one load after a warm-up, measured in windows back to back, the folder removed.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deviceFlushes } from '../machine.js';
import { summarize } from '../statistics.js';

const SUMMARIZED = ['perSecond', 'sentPerSecond', 'receivedPerSecond', 'clientMicros', 'serverMicros', 'perSync'];
const LATENCIES = ['p50', 'p99', 'max'];

/** Medians and ranges of everything that all windows have measured. */
export function summarizeWindows(windows) {
  const summary = {};
  const add = (key, values) => {
    if (values.every(Number.isFinite)) summary[key] = summarize(values);
  };
  for (const key of [...SUMMARIZED, ...LATENCIES])
    add(
      key,
      windows.map((window) => window[key]),
    );
  add(
    'loop',
    windows.map((window) => window.client?.loop),
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
  const windows = await row.run(server, { ...row.spec, ...plan });
  say.windows(windows);
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
    notes: await row.notes?.(server),
    deviceFlushes: flushes === undefined ? undefined : flushes - flushesBefore,
    summary: summarizeWindows(windows),
    windows,
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
