// The results as text.

const count = (value) => (value >= 100_000 ? (value / 1000).toFixed(0) : (value / 1000).toFixed(1));
const micros = (summary) => (summary === undefined ? '-' : summary.median.toFixed(1));
/** `median [least-most]` in thousands. */
export const thousands = ({ median, min, max }) => `${count(median)} [${count(min)}-${count(max)}]`;

const COLUMNS = [
  ['row', ({ title, spec }) => `${title}, ${spec.inFlight} in flight`, 'left'],
  ['k/s median [range]', ({ summary }) => thousands(summary.perSecond)],
  ['us/msg client', ({ summary }) => micros(summary.clientMicros)],
  ['broker', ({ summary }) => micros(summary.serverMicros)],
  ['msgs/sync', ({ summary }) => (summary.perSync === undefined ? '-' : summary.perSync.median.toFixed(0))],
  ['syncs', ({ runs }) => sum(runs, 'logSyncs')],
  ['runs', ({ plan }) => `${plan.runs} x ${plan.seconds} s`],
];

function sum(runs, key) {
  const values = runs.map((run) => run[key]);
  return values.every(Number.isFinite) ? String(values.reduce((a, b) => a + b, 0)) : '-';
}

/** Lines of a table with aligned columns. */
export function formatTable(columns, entries) {
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

export function throughputTable(results) {
  return formatTable(COLUMNS, results);
}
