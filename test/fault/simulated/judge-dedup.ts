import type { History, Moment } from './model.js';
import type { Found, Observation } from './observe.js';

/**
 * An id that was acknowledged is known again, by the place that its producer was told, as long as its record is there. An
 * id is known only of what is there: of another one the next send would be dropped as a repetition of nothing.
 */
export function judgeDedup(
  observed: Observation,
  history: History,
  moment: Moment,
  byId: ReadonlyMap<string, Found[]>,
  faults: string[],
): void {
  for (const { asked, physicalOffset, queueOffset } of history.acknowledged.slice(0, moment.acknowledged)) {
    if (!asked.dedup || physicalOffset >= moment.durableTo || physicalOffset < observed.startOffset) continue;
    const place = observed.remembered.get(asked.id);
    if (place === undefined) faults.push(`the id ${asked.id} is forgotten`);
    else if (place.physicalOffset !== physicalOffset || place.queueOffset !== queueOffset)
      faults.push(`the id ${asked.id} is known from ${JSON.stringify(place)}, not from ${physicalOffset}`);
  }
  for (const [id, { physicalOffset }] of observed.remembered) {
    if (history.byId.get(id)?.dedup !== true) faults.push(`the id ${id} is known although it was sent without`);
    else if (physicalOffset < observed.startOffset) continue;
    else if (!(byId.get(id) ?? []).some((record) => record.physicalOffset === physicalOffset))
      faults.push(`the id ${id} is known from ${physicalOffset}, where it is not`);
  }
}
