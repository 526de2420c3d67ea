// How long a run will take: what its windows last, and what surrounds them as it was measured on two cores.
import { groupByServer } from './measure.js';
import { turnsOf } from './compare.js';

/** Seconds beside the windows: opening a server, a row, and the backlog of a row that receives, for each second that it lasts. */
const OURS = { open: 1.5, row: 0.7, backlog: 1.2 };
/** Of a peer that says nothing of itself; `least` is the shortest warm-up that it makes do with. */
const THEIRS = { open: 8, row: 1, backlog: 0.8, least: 0 };

const rowSeconds = ({ row, backlog, least = 0 }, { name }, { windows, seconds, warmUpSeconds }) => {
  const lasts = windows * seconds + Math.max(least, warmUpSeconds);
  return row + lasts * (name.startsWith('receive') ? 1 + backlog : 1);
};

export function plannedSeconds(rows, comparisons, peers, planOf) {
  let sum = groupByServer(rows).length * OURS.open;
  for (const row of rows) sum += rowSeconds(OURS, row, planOf(row));
  if (comparisons.length === 0) return sum;
  const subjects = [{ ours: true }, { ours: true }, ...peers.map(({ seconds }) => ({ ours: false, seconds }))];
  for (const { ours, seconds } of turnsOf(subjects)) sum += ours ? OURS.open : { ...THEIRS, ...seconds }.open;
  for (const row of comparisons)
    for (const { ours, seconds } of turnsOf(subjects))
      sum += rowSeconds(ours ? OURS : { ...THEIRS, ...seconds }, row, planOf(row));
  return sum;
}
