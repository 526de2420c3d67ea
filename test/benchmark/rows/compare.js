// Ours and the peers in the same run, one after the other and each alone on the machine: a broker that only waits takes its
// share of two processors too, and it shows in the latency of others. Ours are measured before the peers and once more after
// them, so that a drift of the machine widens their range. What is sent in a row stays there for the next one.
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
    spec: { ratePerSecond: RATE, warmUpPerSecond: 10 * RATE, inFlight: PEERS_IN_FLIGHT, bytes: BYTES },
    plan: { windows: 5, seconds: 2, warmUpSeconds: 12 },
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

/** Opens the subject on the folder and gives it to `use`; one that fails to start is named and left out. */
async function withServer({ name, ours, open }, directory, say, use) {
  const report = say[ours ? 'broken' : 'failed'];
  mkdirSync(directory);
  let server;
  try {
    server = await open(directory);
    say.subject(name, server);
    await use(server);
  } catch (error) {
    report(name, error);
  } finally {
    await server?.close().catch((error) => report(`closing ${name}`, error));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Windows and facts by row and subject, as far as they were measured; a row that fails once is no row of that subject. */
class Collected {
  #rows = new Map();
  #failed = new Set();

  add(row, { name, processes = '2: client, server', ours }, server, windows) {
    const key = `${row.name} ${name}`;
    const windowsBefore = this.#rows.get(key)?.windows ?? [];
    const { durability, facts } = server;
    this.#rows.set(key, { name, processes, ours, durability, facts, windows: [...windowsBefore, ...windows] });
  }

  fail(row, { name }) {
    this.#failed.add(`${row.name} ${name}`);
  }

  resultsOf(row, plan) {
    return [...this.#rows]
      .filter(([key]) => key.startsWith(`${row.name} `) && !this.#failed.has(key))
      .map(([, { name, processes, ours, durability, facts, windows }]) => ({
        row: row.name,
        title: row.title,
        subject: name,
        ours,
        durability,
        processes,
        spec: row.spec,
        plan,
        facts,
        summary: summarizeWindows(windows),
        windows,
      }));
  }
}

/** Results and verdicts of the rows that ours share with peers, and how long each subject took in all. */
export async function measureComparisons(rows, peers, planOf, root, say) {
  const subjects = [...OURS.map((subject) => ({ ...subject, ours: true })), ...peers];
  const collected = new Collected();
  const tookSeconds = {};
  for (const [turn, subject] of turnsOf(subjects).entries()) {
    const began = Date.now();
    await withServer(subject, join(root, `subject-${turn}`), say, async (server) => {
      for (const row of rows) {
        if (typeof server[row.call] !== 'function') continue;
        const plan = planOf(row);
        say.row(row, plan);
        try {
          const windows = await row.run(server, { ...row.spec, ...plan });
          collected.add(row, subject, server, windows);
          say.windows(windows, subject.name);
        } catch (error) {
          collected.fail(row, subject);
          say[subject.ours ? 'broken' : 'failed'](`${subject.name}, ${row.title}`, error);
        }
      }
    });
    tookSeconds[subject.name] = (tookSeconds[subject.name] ?? 0) + (Date.now() - began) / 1000;
  }
  const results = [];
  const verdicts = [];
  for (const row of rows) {
    const measured = collected.resultsOf(row, planOf(row));
    results.push(...measured);
    verdicts.push(...compareResults(row, measured));
  }
  return { results, verdicts, tookSeconds };
}
