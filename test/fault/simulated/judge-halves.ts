import type { History, HalfEvent, Moment } from './model.js';
import { isParked, type Found, type Observation, type OpenHalf } from './observe.js';

/**
 * A half message is open from its acknowledgement until its end is begun, and no more once its end was acknowledged; in
 * between it is either open or ended, never both. Its producer finds it by the offset that it was told.
 */
export function judgeHalves(
  observed: Observation,
  history: History,
  moment: Moment,
  byId: ReadonlyMap<string, Found[]>,
  faults: string[],
): void {
  const events = history.halves.slice(0, moment.halves);
  const open = new Map(observed.halves.map((half) => [half.id, half]));
  if (open.size < observed.halves.length)
    faults.push(`a half message is open twice: ${JSON.stringify(observed.halves)}`);
  for (const { asked, physicalOffset, queueOffset } of history.acknowledged.slice(0, moment.acknowledged)) {
    if (asked.kind !== 'half' || physicalOffset >= moment.durableTo) continue;
    const half = open.get(asked.id);
    const own = events.filter(({ id }) => id === asked.id);
    const isCertain = ({ at }: HalfEvent): boolean => at < moment.durableTo;
    if (own.some((each) => each.event === 'ended' && isCertain(each))) {
      if (half !== undefined) faults.push(`the half message ${asked.id} is open although it was ended`);
      continue;
    }
    if (half === undefined) {
      if (!own.some(({ event }) => event === 'ending')) faults.push(`the half message ${asked.id} is lost`);
      continue;
    }
    if (half.original !== physicalOffset || half.queueOffset !== queueOffset) {
      faults.push(
        `the half message ${asked.id} is known as ${half.original} with offset ${half.queueOffset}, not as its producer was told: ${physicalOffset} with offset ${queueOffset}`,
      );
    }
    judgeChecks(half, own.filter((each) => each.event === 'checked' && isCertain(each)).length, own, faults);
    if ((byId.get(asked.id) ?? []).some((record) => !isParked(record)))
      faults.push(`the half message ${asked.id} is open although consumers see it`);
  }
}

function judgeChecks(half: OpenHalf, least: number, events: readonly HalfEvent[], faults: string[]): void {
  const most = events.filter(({ event }) => event === 'asked').length;
  if (half.checks < least || half.checks > most)
    faults.push(`the half message ${half.id} counts ${half.checks} checks; there were ${least} to ${most}`);
}
