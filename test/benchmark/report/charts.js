// Which charts a run has. Each is made of results alone, so that it can be drawn again from the file that is committed.
import { barChart } from './chart.js';

const kilo = (value) => `${value >= 100_000 ? (value / 1000).toFixed(0) : (value / 1000).toFixed(1)} k/s`;
const millis = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
const ACKNOWLEDGED = { sync: 'synced', async: 'not synced' };

const bar = (label, ours, { median, min, max }) => ({ label, ours, median, min, max });
const conditions = ({ began, machine }) =>
  `${machine.processor}, Node ${machine.node}, ${began.slice(0, 10)}: median and range of the windows`;

/** Rates that were given, and not reached, say nothing as bars. */
const isRate = ({ spec }) => spec.ratePerSecond === undefined;
const inFlightOf = ({ spec }) => (spec.inFlight > 1 ? `, ${spec.inFlight} in flight` : '');

/** The rows that are ours alone, then one chart a figure of each comparison. */
const CHARTS = [
  {
    file: 'nestmq.svg',
    title: 'nestmq: messages a second, every acknowledged send synced',
    format: kilo,
    bars: ({ own }) =>
      own
        .filter(isRate)
        .map(({ title, processes, summary }) =>
          bar(
            title.startsWith('send and receive') ? `${title} (${processes[0]} processes)` : title,
            true,
            summary.perSecond,
          ),
        ),
  },
  compared('one-at-a-time', 'perSecond', kilo, 'Sends one after the other: messages a second'),
  compared('send-peers', 'perSecond', kilo, 'Sends: messages a second'),
  compared('receive-peers', 'perSecond', kilo, 'Receiving and acknowledging: messages a second'),
  compared('latency', 'p50', millis, 'From send to handler at 1,000/s, median (less is better)'),
  compared('latency', 'p99', millis, 'From send to handler at 1,000/s, 99 of 100 (less is better)'),
];

function compared(row, figure, format, title) {
  const of = (run) => run.compared.filter((result) => result.row === row && result.summary[figure] !== undefined);
  return {
    file: figure === 'perSecond' ? `${row}.svg` : `${row}-${figure}.svg`,
    title,
    more: (run) => (of(run).length > 0 ? inFlightOf(of(run)[0]) : ''),
    format,
    bars: (run) =>
      of(run).map(({ subject, ours, durability, summary }) =>
        bar(`${subject} (${ACKNOWLEDGED[durability]})`, ours, summary[figure]),
      ),
  };
}

/** `[file, svg]` of each chart that the run has figures for; of all, empty ones, without a run. */
export function chartsOf(run) {
  if (run === undefined)
    return CHARTS.map(({ file, title, format }) => [file, barChart({ title, note: '', bars: [], format })]);
  return CHARTS.map(({ file, title, more, format, bars }) => ({
    file,
    title: `${title}${more?.(run) ?? ''}`,
    note: conditions(run),
    format,
    bars: bars(run),
  }))
    .filter(({ bars }) => bars.length > 0)
    .map(({ file, ...chart }) => [file, barChart(chart)]);
}
