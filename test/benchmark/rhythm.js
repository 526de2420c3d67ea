/** How long before the first window the rate is that of the windows. */
const CALM_SECONDS = 2;

/** How long a warm-up is busy, in seconds. */
export function busySeconds(warmUpSeconds) {
  return Math.max(0, warmUpSeconds - CALM_SECONDS);
}

/**
 * How many messages are due so many seconds after the begin, at a steady rate behind a busier warm-up: a compiler waits for how
 * often something has run, not for how long, and what it has not compiled by then it compiles while it is measured.
 */
export function dueAfter(seconds, { ratePerSecond, warmUpPerSecond = ratePerSecond, warmUpSeconds = 0 }) {
  const busy = Math.min(seconds, busySeconds(warmUpSeconds));
  return Math.floor(busy * warmUpPerSecond + (seconds - busy) * ratePerSecond);
}
