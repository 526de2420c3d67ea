// Ours and the peers in the same run: all are open, and take turns run by run, so that a drift of the machine meets all
// of them. What is sent stays there to be received.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OurServer } from '../subject/server.js';
import { compare } from '../statistics.js';
import { BYTES, QUICK } from './common.js';
import { summarizeRuns } from './measure.js';

/** As high as the peers' stock clients are measured elsewhere; more made none of them faster. */
export const PEERS_IN_FLIGHT = 256;
const RATE = 1000;

/** A peer whose tool takes long for a run has fewer of them: none begins after so many seconds of it in one row. */
const TURN_SECONDS = 45;

const throughput = (call) => (server, spec) => server[call](spec);

/** First what needs an empty broker, last what needs a full one. */
export const COMPARISONS = [
  {
    name: 'latency',
    tags: ['peers'],
    title: `end to end at ${RATE.toLocaleString('en-US')}/s, sender and receiver in one process`,
    call: 'latency',
    spec: { ratePerSecond: RATE, inFlight: PEERS_IN_FLIGHT, bytes: BYTES },
    plan: { runs: 5, seconds: 2.5, warmUpSeconds: 1 },
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
    plan: { runs: 5, seconds: 2, warmUpSeconds: 0.5, turnSeconds: 12 },
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
    plan: { runs: 5, seconds: 3, warmUpSeconds: 1 },
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
    plan: { runs: 5, seconds: 3, warmUpSeconds: 1, turnSeconds: 60 },
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
      const runs = new Map(able.map(({ name }) => [name, []]));
      const used = new Map(able.map(({ name }) => [name, 0]));
      const share = 1000 * (plan.turnSeconds ?? TURN_SECONDS);
      for (let run = 0; run < plan.runs; run++) {
        const order = run % 2 === 0 ? able : able.toReversed();
        for (const { name, server, ours } of order) {
          if (!runs.has(name) || (!ours && used.get(name) > share)) continue;
          const began = performance.now();
          const spec = { ...row.spec, seconds: plan.seconds, warmUpSeconds: plan.warmUpSeconds };
          try {
            runs.get(name).push(await row.run(server, spec));
            say.run(runs.get(name).at(-1), name);
          } catch (error) {
            runs.delete(name);
            say[ours ? 'broken' : 'failed'](`${name}, ${row.title}`, error);
          }
          used.set(name, used.get(name) + performance.now() - began);
        }
      }
      const measured = able
        .filter(({ name }) => runs.has(name))
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
          summary: summarizeRuns(runs.get(name)),
          runs: runs.get(name),
        }));
      results.push(...measured);
      verdicts.push(...compareResults(row, measured));
    }
  } finally {
    await closeAll(subjects, say);
  }
  return { results, verdicts };
}
