import { APACHE_TIMER_MAX_MILLIS, DELAY_LEVELS, MAX_DELAY_LEVEL } from '../../protocol/index.js';

/** For brokers that know levels only: the level that is nearest from above; 0 lets the broker's ladder decide. */
export function levelFor(delayMillis: number | undefined): number {
  if (delayMillis === undefined) return 0;
  const index = DELAY_LEVELS.findIndex((millis) => millis >= Math.min(delayMillis, APACHE_TIMER_MAX_MILLIS));
  return index < 0 ? MAX_DELAY_LEVEL : index + 1;
}
