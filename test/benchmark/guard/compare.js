// What may differ from the baseline. `more` is the share by which a figure may be above it, `slack` what is added for all: figures that
// stand for what happens now and then (a checkpoint each second) are larger where the same work takes longer.
export const TOLERANCES = {
  // User time a message, as a multiple of the yardstick's, of the quietest rounds.
  processor: { more: 0.4, slack: 0.3 },
  heapBytes: { more: 0.15, slack: 100 },
  promises: { more: 0.1, slack: 0.1 },
  timers: { more: 0.3, slack: 0.05 },
  socketWrites: { more: 1, slack: 0.01 },
  socketBytes: { more: 0.1, slack: 20 },
  // A disk that is faster than this one is synced more often for the same messages.
  syncs: { more: 1, slack: 0.002 },
  fileWrites: { more: 1, slack: 0.003 },
  fileBytes: { more: 0.25, slack: 200 },
};
/** Below this share of its baseline a figure no longer guards what was won. */
const BETTER = 0.75;

/** `figures` and `baseline`: path → figure → number. Findings `{ path, figure, value, limit, text }`, and what has become better. */
export function compare(figures, baseline) {
  const worse = [];
  const better = [];
  for (const [path, sample] of Object.entries(figures)) {
    for (const [figure, value] of Object.entries(sample)) {
      const expected = baseline[path]?.[figure];
      if (expected === undefined) {
        worse.push({ path, figure, text: `${path}, ${figure}: ${number(value)}, and the baseline has no such figure` });
        continue;
      }
      const { more, slack } = TOLERANCES[figure];
      const limit = expected * (1 + more) + slack;
      const text = `${path}, ${figure}: ${number(value)}, baseline ${number(expected)}, limit ${number(limit)}`;
      if (value > limit) worse.push({ path, figure, value, limit, text });
      else if (value + slack < expected * BETTER) better.push({ path, figure, value, limit, text });
    }
  }
  return { worse, better };
}

const number = (value) => String(Number(value.toPrecision(3)));
