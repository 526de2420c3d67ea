// Ours and the peers in the same run. All are open; in a row one follows the other, each with one load without a pause. Ours are
// measured before the peers and once more after them, so that a drift of the machine widens their range. What is sent stays
// there to be received.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OurServer } from '../subject/server.js';
import { compare } from '../statistics.js';
import { BYTES, QUICK } from './common.js';
import { summarizeWindows } from './measure.js';

/** As high as the peers' stock clients are measured elsewhere; more made none of them faster. */
export const PEERS_IN_FLIGHT = 256;
const RATE = 1000;

const throughput = (call) => (server, spec) => server[call](spec);

/** First what needs an empty broker, last what needs a full one. */
export const COMPARISONS = [
  {
    name: 'latency',
    tags: ['peers'],
    title: `end to end at ${RATE.toLocaleString('en-US')}/s, sender and receiver in one process`,
    call: 'latency',
    spec: { ratePerSecond: RATE, inFlight: PEERS_IN_FLIGHT, bytes: BYTES },
    plan: { windows: 5, seconds: 2, warmUpSeconds: 2 },
    figures: [
      { key: 'p50', lessIsBetter: true },
      { key: 'p99', lessIsBetter: true },
    ],
  },
  {
    name: 'one-at-a-time',
    tags: ['send', 'peers'],
    title: 'send, one at a time',
    call: 'send',
    spec: { inFlight: 1, bytes: BYTES },
    plan: { windows: 5, seconds: 2, warmUpSeconds: 1 },
    figures: [{ key: 'perSecond' }],
  },
  {
    name: 'send-peers',
    // Ours alone has rows of its own for it.
    onlyBesidePeers: true,
    tags: ['send', 'peers'],
    title: 'send',
    call: 'send',
    spec: { inFlight: PEERS_IN_FLIGHT, bytes: BYTES },
    plan: { windows: 5, seconds: 2, warmUpSeconds: 2 },
    figures: [{ key: 'perSecond' }],
  },
  {
    name: 'receive-peers',
    // Ours alone has rows of its own for it.
    onlyBesidePeers: true,
    tags: ['receive', 'peers'],
    title: 'receive and acknowledge',
    call: 'receive',
    spec: { inFlight: PEERS_IN_FLIGHT, bytes: BYTES },
    plan: { windows: 5, seconds: 2, warmUpSeconds: 2 },
    figures: [{ key: 'perSecond' }],
  },
].map((row) => ({ quick: QUICK, ...row, run: throughput(row.call) }));

const OURS = [
  {
    name: 'nestmq, over TCP',
    processes: '2: application, broker',
    open: (directory) => OurServer.open(directory, { place: 'standalone' }),
  },
  { name: 'nestmq, embedded', processes: '1: application', open: (directory) => OurServer.open(directory) },
];

/** Opens all, each on a folder of its own; one that fails to start is named and left out, unless it is ours. */
async function openAll(peers, root, say) {
  const subjects = [];
  for (const [index, { name, processes, open }] of [...OURS, ...peers].entries()) {
    const directory = join(root, `subject-${index}`);
    mkdirSync(directory);
    try {
      const server = await open(directory);
      subjects.push({
        name,
        processes: processes ?? '2: client, server',
        server,
        directory,
        ours: index < OURS.length,
      });
      say.subject(name, server);
    } catch (error) {
      if (index < OURS.length) throw error;
      say.failed(name, error);
    }
  }
  return subjects;
}

async function closeAll(subjects, say) {
  for (const { name, server, directory } of subjects.toReversed()) {
    await server.close().catch((error) => say.failed(`closing ${name}`, error));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** How each of ours stands to each peer, by figure: both must sync before they acknowledge, or the line says otherwise. */
export function compareResults(row, results) {
  const ours = results.filter((result) => result.ours);
  const lines = [];
  for (const mine of ours)
    for (const theirs of results.filter((result) => !result.ours))
      for (const { key, lessIsBetter = false } of row.figures) {
        if (mine.summary[key] === undefined || theirs.summary[key] === undefined) continue;
        const { verdict, ratio } = compare(mine.summary[key], theirs.summary[key], { lessIsBetter });
        const durability = [mine.durability, theirs.durability];
        lines.push({
          row: row.name,
          figure: key,
          ours: mine.subject,
          theirs: theirs.subject,
          durability,
          verdict,
          ratio,
        });
      }
  return lines;
}

/** Whose turn it is, one after the other: ours twice where there are peers. */
export function turnsOf(subjects) {
  const ours = subjects.filter((subject) => subject.ours);
  return ours.length === subjects.length ? ours : [...subjects, ...ours.toReversed()];
}

/** Results and verdicts of the rows that ours share with peers. */
export async function measureComparisons(rows, peers, planOf, root, say) {
  const subjects = await openAll(peers, root, say);
  const results = [];
  const verdicts = [];
  try {
    for (const row of rows) {
      const plan = planOf(row);
      say.row(row, plan);
      const able = subjects.filter(({ server }) => typeof server[row.call] === 'function');
      const windows = new Map(able.map(({ name }) => [name, []]));
      for (const { name, server, ours } of turnsOf(able)) {
        if (!windows.has(name)) continue;
        try {
          const measured = await row.run(server, { ...row.spec, ...plan });
          windows.get(name).push(...measured);
          say.windows(measured, name);
        } catch (error) {
          windows.delete(name);
          say[ours ? 'broken' : 'failed'](`${name}, ${row.title}`, error);
        }
      }
      const measured = able
        .filter(({ name }) => windows.has(name))
        .map(({ name, processes, server, ours }) => ({
          row: row.name,
          title: row.title,
          subject: name,
          ours,
          durability: server.durability,
          processes,
          spec: row.spec,
          plan,
          facts: server.facts,
          summary: summarizeWindows(windows.get(name)),
          windows: windows.get(name),
        }));
      results.push(...measured);
      verdicts.push(...compareResults(row, measured));
    }
  } finally {
    await closeAll(subjects, say);
  }
  return { results, verdicts };
}
