// Whether a curve keeps the rule that doubling the work must not more than double the time.

/*
 * A figure says how it is judged:
 *   each   the cost of one (us a message, ms a pull). All of them cost `cost x size`, so the cost of one must stay as it is.
 *   whole  the cost of the work at that size (ms for a restart). It may grow as the size does.
 *   most   no more than `limit` at any size.    least   no less than `limit` at any size.
 * `noise` is by how much two sizes may miss the rule: what two runs of the same code differ by on a shared machine. Sizes
 * that lie a factor of ten apart show a cost that grows with the root of the size as 3.2, one that grows with it as 10.
 * `floor`: below that a cost is not told from nothing, and counts as the floor.
 */
const KINDS = ['each', 'whole', 'most', 'least'];

/** The figure of every point as one number: of several readings the median. */
export function reading(value) {
  if (typeof value !== 'object' || value === null) return value;
  return value.median;
}

/**
 * `points`: `[{ size, values: { [figure]: number | { median, min, max } } }]` from the smallest size to the largest.
 * Answers `{ figure, kind, holds, points, pairs | limit }`; throws when a figure was not measured.
 */
export function judge(name, rule, points) {
  if (!KINDS.includes(rule.kind)) throw new TypeError(`${name} is judged by none of ${KINDS.join(', ')}: ${rule.kind}`);
  const costs = points.map(({ size, values }) => {
    const cost = reading(values[name]);
    if (!Number.isFinite(cost) || cost < 0) throw new TypeError(`${name} was not measured at ${size}: ${cost}`);
    return { size, cost };
  });
  if (rule.kind === 'most' || rule.kind === 'least') {
    const judged = costs.map((one) => ({
      ...one,
      holds: rule.kind === 'most' ? one.cost <= rule.limit : one.cost >= rule.limit,
    }));
    return { figure: name, ...rule, holds: judged.every(({ holds }) => holds), points: judged };
  }
  const pairs = [];
  for (const [index, to] of costs.entries())
    for (const from of costs.slice(0, index)) pairs.push(compare(rule, from, to));
  return { figure: name, ...rule, holds: pairs.every(({ holds }) => holds), points: costs, pairs };
}

function compare({ kind, noise, floor = 0 }, from, to) {
  const sizeRatio = to.size / from.size;
  if (!(sizeRatio > 1)) throw new TypeError(`a curve goes from small to large, not from ${from.size} to ${to.size}`);
  const ratio = Math.max(to.cost, floor) / Math.max(from.cost, floor, Number.MIN_VALUE);
  // What the work as a whole costs at the larger size against the smaller one.
  const work = kind === 'each' ? ratio * sizeRatio : ratio;
  const doublings = Math.log2(sizeRatio);
  return {
    from: from.size,
    to: to.size,
    costRatio: ratio,
    /** What doubling the size multiplies the time by, averaged over the doublings between the two sizes. */
    doubling: 2 ** (Math.log2(work) / doublings),
    allowed: 2 * noise ** (1 / doublings),
    holds: work <= sizeRatio * noise,
  };
}

/** All figures of a curve. One point makes no curve: limits are judged, growth is not, and `grown` says so. */
export function verdict(figures, points) {
  const judged = Object.entries(figures)
    .filter(([, { rule }]) => rule !== undefined)
    .map(([name, { rule }]) => judge(name, rule, points));
  return { holds: judged.every(({ holds }) => holds), grown: points.length > 1, figures: judged };
}
