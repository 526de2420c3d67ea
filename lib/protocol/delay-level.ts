const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds of the 18 delay levels; level 1 is at index 0. */
export const DELAY_LEVELS: readonly number[] = [
  SECOND,
  5 * SECOND,
  10 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  3 * MINUTE,
  4 * MINUTE,
  5 * MINUTE,
  6 * MINUTE,
  7 * MINUTE,
  8 * MINUTE,
  9 * MINUTE,
  10 * MINUTE,
  20 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
];

export const MAX_DELAY_LEVEL = DELAY_LEVELS.length;

/** The level of the first retry. */
export const FIRST_RETRY_LEVEL = 3;

/** Milliseconds before retry 1, 2, … 16: levels 3 to 18. */
export const RETRY_LADDER: readonly number[] = DELAY_LEVELS.slice(FIRST_RETRY_LEVEL - 1);

/** The longest delay that a RocketMQ 5 broker takes for TIMER_* properties; ours has no such bound. */
export const APACHE_TIMER_MAX_MILLIS = 3 * 24 * HOUR;

/** Milliseconds of a level; levels above 18 count as 18, below 1 as no delay. */
export function delayLevelMillis(level: number): number {
  return level < 1 ? 0 : DELAY_LEVELS[Math.min(Math.trunc(level), MAX_DELAY_LEVEL) - 1]!;
}

/** The level of the retry that follows `reconsumeTimes` earlier ones. */
export function retryDelayLevel(reconsumeTimes: number): number {
  return Math.min(FIRST_RETRY_LEVEL + reconsumeTimes, MAX_DELAY_LEVEL);
}
