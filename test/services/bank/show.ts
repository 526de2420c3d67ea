// The bank-transfer test. Prints what each run came to, and `N passed, N failed` at last.
import { parseArgs } from 'node:util';
import { startPostgres } from '../support/index.js';
import { BankRun, type RunOptions, type RunResult } from './bank-run.js';
import { isClean } from './ledger.js';
import type { MemberSettings } from './processes/member.js';

const { values } = parseArgs({
  options: {
    transfers: { type: 'string', default: '100000' },
    control: { type: 'string', default: '6000' },
    without: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    points: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

interface Show {
  readonly without: MemberSettings['without'];
  readonly transfers: number;
  /** Only these points; a control needs no others. */
  readonly points?: RegExp;
  /** What is wrong with a result; nothing when it is as it must be. */
  wrong(result: RunResult): string[];
}

const SHOWS: readonly Show[] = [
  {
    without: 'nothing',
    transfers: Number(values.transfers),
    wrong: ({ findings, counts }) => [
      ...(isClean(findings) ? [] : ['not every transfer was booked once']),
      ...(counts.marks === counts.ordered ? [] : ['the inbox does not have a mark for each message']),
    ],
  },
  {
    without: 'inbox',
    transfers: Number(values.control),
    points: /^consumer: (?:after the commit|cut|before the offset)|^relay: (?:after the send|cut)/,
    wrong: ({ findings }) => (findings.duplicates > 0 && findings.sum !== 0 ? [] : ['no duplicates were seen']),
  },
  {
    without: 'outbox',
    transfers: Number(values.control),
    points: /^producer: (?:after the commit|cut between)|^consumer: after the commit/,
    wrong: ({ findings }) => (findings.lost > 0 ? [] : ['no losses were seen']),
  },
];

const postgres = await startPostgres({ durable: true });
let passed = 0;
let failed = 0;
try {
  for (const { without, transfers, points: only, wrong } of SHOWS) {
    if (values.without !== undefined && values.without !== without) continue;
    const options: RunOptions = {
      ...{ transfers, without, postgres, seed: Number(values.seed) },
      ...((values.points ?? only) !== undefined && { points: new RegExp(values.points ?? only!) }),
      log: (line) => values.verbose && console.log(line),
    };
    const run = new BankRun(options);
    const result = await run.run();
    const { findings, counts, points, deaths, cuts, failedStarts, deadLetters, seconds } = result;
    console.log(
      `${transfers} transfers, seed ${values.seed}, without ${without}: ${JSON.stringify({ ...findings, ...counts })}; ` +
        `${points} points, deaths ${JSON.stringify(deaths)}, ${cuts} cuts, ` +
        `${failedStarts} starts in vain, ${deadLetters} dead letters sent again; ` +
        `load ${seconds.load.toFixed(1)} s, drain ${seconds.drain.toFixed(1)} s`,
    );
    const faults = [
      ...wrong(result),
      ...result.missed.map((name) => `the point "${name}" never came`),
      ...result.failures,
    ];
    if (faults.length === 0) passed++;
    else {
      failed++;
      console.log(faults.join('\n'));
    }
  }
} finally {
  await postgres.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
