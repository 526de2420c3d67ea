// What several runs of one measurement say together, and when one of two is ahead.

/** Fewer runs have no range that could tell anything: two single runs never overlap. */
const LEAST_RUNS_FOR_A_RANGE = 3;
/** Medians this far apart differ on a machine that drifts by a factor of two between runs of the same code. */
const CLEAR_RATIO = 1.5;

function checked(values) {
  if (!Array.isArray(values) || values.length === 0) throw new TypeError('statistics need at least one run');
  for (const value of values) {
    if (!Number.isFinite(value) || value < 0) throw new TypeError(`a run measured ${value}: not a number from 0 on`);
  }
  return values.toSorted((a, b) => a - b);
}

export function median(values) {
  const sorted = checked(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value that the given part (0 to 1) of all does not exceed. */
export function percentile(values, part) {
  const sorted = checked(values);
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1))];
}

/** `{ median, min, max, runs }` of what the runs measured. */
export function summarize(values) {
  const sorted = checked(values);
  return { median: median(sorted), min: sorted[0], max: sorted.at(-1), runs: sorted.length };
}

/**
 * How two summaries stand to each other: `ahead`, `behind` or `level`, with the ratio of the better to the worse median.
 * One is ahead only where the ranges do not overlap, or where the medians differ by a factor of 1.5 or more.
 */
export function compare(ours, theirs, { lessIsBetter = false } = {}) {
  for (const { median: middle, min, max, runs } of [ours, theirs]) {
    if (!(runs >= 1 && min <= middle && middle <= max)) throw new TypeError('what is compared is no summary of runs');
    if (middle === 0) throw new TypeError('a median of 0 cannot be compared');
  }
  const more = ours.median >= theirs.median;
  const ratio = more ? ours.median / theirs.median : theirs.median / ours.median;
  const ranges = Math.min(ours.runs, theirs.runs) >= LEAST_RUNS_FOR_A_RANGE;
  const apart = ranges && (ours.min > theirs.max || ours.max < theirs.min);
  if (!apart && ratio < CLEAR_RATIO) return { verdict: 'level', ratio };
  return { verdict: more === lessIsBetter ? 'behind' : 'ahead', ratio };
}

/** One sync covers what was in flight when it began, so more than that cannot be acknowledged for each. */
export function checkSyncs({ acknowledged, syncs, inFlight }) {
  if (!Number.isInteger(syncs) || syncs <= 0)
    throw new Error(`${acknowledged} messages were acknowledged and no sync of the log was seen`);
  // What the sync before the first one of the window has covered is acknowledged within it.
  const most = (syncs + 2) * inFlight;
  if (acknowledged <= most) return acknowledged / syncs;
  throw new Error(
    `${acknowledged} messages were acknowledged with ${syncs} syncs of the log and ${inFlight} in flight: at most ${most} can be on the disk`,
  );
}
