// Results as lines of text with aligned columns.

const count = (value) => (value >= 100_000 ? (value / 1000).toFixed(0) : (value / 1000).toFixed(1));
const fixed = (digits) => (summary) => (summary === undefined ? '-' : summary.median.toFixed(digits));
const range = (digits) => (summary) =>
  summary === undefined
    ? '-'
    : `${summary.median.toFixed(digits)} [${summary.min.toFixed(digits)}-${summary.max.toFixed(digits)}]`;

/** `median [least-most]` in thousands. */
const thousands = ({ median, min, max }) => `${count(median)} [${count(min)}-${count(max)}]`;
const micros = fixed(1);

const total = (windows, key) => {
  const values = windows.map((window) => window[key]);
  return values.every(Number.isFinite) ? String(values.reduce((sum, value) => sum + value, 0)) : '-';
};
/** What the windows really took: the last one ends earlier where a backlog is worked off. */
const took = ({ windows }) => {
  const seconds = windows.map((window) => window.seconds).filter(Number.isFinite);
  if (seconds.length === 0) return String(windows.length);
  return `${windows.length} x ${(seconds.reduce((sum, value) => sum + value, 0) / seconds.length).toFixed(1)} s`;
};

const RATE = ['k/s [range]', ({ summary }) => thousands(summary.perSecond)];
const COSTS = [
  ['us/msg client', ({ summary }) => micros(summary.clientMicros)],
  ['server', ({ summary }) => micros(summary.serverMicros)],
];
const SYNCS = [
  ['syncs', ({ windows }) => total(windows, 'logSyncs')],
  ['msgs/sync', ({ summary }) => fixed(0)(summary.perSync)],
];
const LOOP = ['loop busy', ({ summary }) => (summary.loop ? `${(summary.loop.median * 100).toFixed(0)} %` : '-')];
const TITLE = ['', ({ title, spec }) => (spec.inFlight ? `${title}, ${spec.inFlight} in flight` : title), 'left'];
const SUBJECT = ['', ({ subject }) => subject, 'left'];
const WINDOWS = ['windows', took];
const PROCESSES = ['processes', ({ processes }) => processes, 'left'];
const DURABILITY = ['acknowledged', ({ durability }) => (durability === 'sync' ? 'synced' : 'not synced'), 'left'];

const OWN = [TITLE, RATE, ...COSTS, ...SYNCS, LOOP, WINDOWS, PROCESSES];
const THROUGHPUT = [SUBJECT, RATE, ...COSTS, ...SYNCS, DURABILITY, WINDOWS, PROCESSES];
const LATENCY = [
  SUBJECT,
  ['p50 ms [range]', ({ summary }) => range(3)(summary.p50)],
  ['p99 ms [range]', ({ summary }) => range(2)(summary.p99)],
  ['most', ({ summary }) => fixed(1)(summary.max)],
  ['messages', ({ windows }) => total(windows, 'count')],
  DURABILITY,
  WINDOWS,
  PROCESSES,
];

function formatTable(columns, entries) {
  const rows = [columns.map(([title]) => title), ...entries.map((entry) => columns.map(([, value]) => value(entry)))];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        columns[column][2] === 'left' ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** The rows that are ours alone. */
function ownTable(results) {
  const notes = results.filter(({ notes: text }) => text !== undefined).map(({ title, notes }) => `${title}: ${notes}`);
  return [...formatTable(OWN, results), ...notes];
}

/** One table a comparison, with how ours stand to the peers beneath it. */
function comparisonTables(results, verdicts) {
  const lines = [];
  for (const name of new Set(results.map(({ row }) => row))) {
    const entries = results.filter(({ row }) => row === name);
    const [{ title, spec }] = entries;
    lines.push('', `${title}${spec.ratePerSecond ? '' : `, ${spec.inFlight} in flight`}`);
    lines.push(...formatTable(entries.some(({ summary }) => summary.p50) ? LATENCY : THROUGHPUT, entries));
    lines.push(...verdicts.filter(({ row }) => row === name).map(verdictLine));
  }
  return lines;
}

export function verdictLine({ figure, ours, theirs, durability: [mine, other], verdict, ratio }) {
  const what = figure === 'perSecond' ? '' : ` in ${figure}`;
  const how = verdict === 'level' ? 'is level with' : `is ${verdict} of`;
  const times = verdict === 'level' ? '' : ` by ${ratio.toFixed(1)}`;
  return `  ${ours} ${how.replace('behind of', 'behind')} ${theirs}${what}${times}${mine === other ? '' : `; it acknowledges ${other === 'sync' ? 'synced' : 'unsynced'}, ours ${mine === 'sync' ? 'synced' : 'unsynced'}`}`;
}

/** Versions and configuration of everybody. */
function factLines(results) {
  const seen = new Map();
  for (const { subject, row, facts = {} } of results) {
    const name = subject === 'nestmq' ? row : subject;
    if (!seen.has(name)) seen.set(name, facts);
  }
  return [...seen].flatMap(([name, facts]) => [
    name,
    ...Object.entries(facts).map(([key, value]) => `  ${key}: ${value}`),
  ]);
}

export const machineLines = (machine) => Object.entries(machine).map(([name, value]) => `${name}: ${value}`);

export const QUICK_NOTE =
  'quick: shorter loads on smaller stores, and peers only when --peers names them; such figures compare nothing';

/** All that is printed at the end of a run. */
export function reportLines({ machine, quick, missing, own, compared, verdicts }) {
  const lines = ['', ...machineLines(machine), '', 'configurations'];
  lines.push(...factLines([...own, ...compared]).map((line) => `  ${line}`));
  if (own.length > 0) lines.push('', 'nestmq alone', ...ownTable(own));
  lines.push(...comparisonTables(compared, verdicts), '');
  if (quick) lines.push(QUICK_NOTE);
  lines.push(...missing.map((what) => `missing: ${what}`));
  return lines;
}
