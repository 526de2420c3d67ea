import { judgeDedup } from './judge-dedup.js';
import { judgeHalves } from './judge-halves.js';
import type { History, Moment } from './model.js';
import { describe, isParked, type Found, type Observation } from './observe.js';

/** Everything in which a recovered store breaks a promise that had been made by that moment. */
export function judge(observed: Observation, history: History, moment: Moment): string[] {
  const faults = [...observed.faults];
  const byId = new Map<string, Found[]>();
  const byPlace = new Map<string, Found>();
  for (const record of observed.records) {
    const known = byId.get(record.id);
    if (known === undefined) byId.set(record.id, [record]);
    else known.push(record);
    byPlace.set(`${record.topic} ${record.queueId} ${record.queueOffset}`, record);
  }
  const pending = new Map<string, number>();
  for (const id of observed.timers) pending.set(id, (pending.get(id) ?? 0) + 1);

  judgeBounds(observed, moment, faults);
  judgeKnown(observed, history, moment, faults);
  judgeContents(history, byId, pending, faults);
  judgeAcknowledged(observed, history, moment, byId, byPlace, pending, faults);
  judgeDedup(observed, history, moment, byId, faults);
  judgeHalves(observed, history, moment, byId, faults);
  judgeConsumer(observed, history, moment, byPlace, faults);
  return faults;
}

function judgeBounds(observed: Observation, moment: Moment, faults: string[]): void {
  if (observed.startOffset > moment.mayExpireTo) {
    faults.push(
      `the log begins at ${observed.startOffset}, but only what is in front of ${moment.mayExpireTo} may be gone`,
    );
  }
}

function judgeKnown(observed: Observation, history: History, moment: Moment, faults: string[]): void {
  for (const { name, number } of history.topics.slice(0, moment.topics)) {
    if (observed.topics.get(name) !== number)
      faults.push(`the topic ${name} has number ${observed.topics.get(name)}, not ${number}`);
  }
  for (const name of history.groups.slice(0, moment.groups)) {
    if (!observed.groups.has(name)) faults.push(`the group ${name} is not known`);
  }
}

/** Once and no more: one original, one copy of each record, one delivery of each timer and each half message. */
function judgeContents(
  history: History,
  byId: ReadonlyMap<string, Found[]>,
  pending: ReadonlyMap<string, number>,
  faults: string[],
): void {
  for (const [id, records] of byId) {
    const kind = history.byId.get(id)?.kind;
    if (kind === undefined) continue;
    const waits = kind === 'timer' || kind === 'half';
    const delivered = waits ? records.filter((record) => !isParked(record)) : [];
    const waiting = waits ? records.filter(isParked) : records;
    if (isTwice(waiting) || isTwice(delivered)) {
      faults.push(`${id} is there too often: ${records.map(describe).join(', ')}`);
    }
    if (Math.min(1, delivered.length) + (pending.get(id) ?? 0) > 1)
      faults.push(`the timer ${id} waits although it was delivered, or waits twice`);
  }
}

/** Retention may have made a copy of each of them. */
function isTwice(records: readonly Found[]): boolean {
  return new Set(records.map(({ copiedFrom }) => copiedFrom)).size < records.length;
}

function judgeAcknowledged(
  observed: Observation,
  history: History,
  moment: Moment,
  byId: ReadonlyMap<string, Found[]>,
  byPlace: ReadonlyMap<string, Found>,
  pending: ReadonlyMap<string, number>,
  faults: string[],
): void {
  const given = new Map<string, string>();
  const seen = new Set(history.seen.slice(0, moment.seen).map(({ id }) => id));
  for (const { asked, physicalOffset, queueOffset } of history.acknowledged.slice(0, moment.acknowledged)) {
    if (physicalOffset >= moment.durableTo || asked.kind === 'half') continue;
    const records = byId.get(asked.id) ?? [];
    if (asked.kind !== 'timer') {
      const place = `${asked.topic} ${asked.queueId} offset ${queueOffset}`;
      const before = given.get(place);
      if (before !== undefined) faults.push(`${place} was given to ${before} and again to ${asked.id}`);
      given.set(place, asked.id);
    }
    const expired = physicalOffset < observed.startOffset;
    if (asked.kind === 'timer') {
      const delivered = records.some((record) => !isParked(record));
      if (!delivered && !pending.has(asked.id) && !(expired && seen.has(asked.id)))
        faults.push(`the timer ${asked.id} is lost`);
      continue;
    }
    if (asked.kind === 'letter' && expired) {
      if (records.length === 0) faults.push(`the dead letter ${asked.id} is lost`);
      continue;
    }
    if (expired) continue;
    const there = byPlace.get(`${asked.topic} ${asked.queueId} ${queueOffset}`);
    if (there?.id !== asked.id || there.physicalOffset !== physicalOffset) {
      faults.push(
        `${asked.id} was acknowledged with offset ${queueOffset} at ${physicalOffset}; there is ${there === undefined ? 'nothing' : describe(there)}`,
      );
    }
  }
}

function judgeConsumer(
  observed: Observation,
  history: History,
  moment: Moment,
  byPlace: ReadonlyMap<string, Found>,
  faults: string[],
): void {
  const seen = new Set<string>();
  for (const { topic, queueId, queueOffset, physicalOffset, id } of history.seen.slice(0, moment.seen)) {
    seen.add(`${topic} ${queueId} ${queueOffset} ${id}`);
    if (physicalOffset < observed.startOffset || physicalOffset >= moment.durableTo) continue;
    const there = byPlace.get(`${topic} ${queueId} ${queueOffset}`);
    if (there?.id !== id) {
      faults.push(
        `the consumer saw ${id} at ${topic} ${queueId} offset ${queueOffset}; there is ${there === undefined ? 'nothing' : describe(there)}`,
      );
    }
  }
  for (const [queue, position] of observed.progress) {
    for (const [place, { id, queueOffset }] of byPlace) {
      if (!place.startsWith(`${queue} `) || queueOffset >= position || seen.has(`${place} ${id}`)) continue;
      faults.push(`the stored position ${position} of ${queue} skips ${id}, which was never seen`);
    }
    if (position > (observed.ends.get(queue) ?? 0))
      faults.push(`the stored position ${position} of ${queue} is beyond its end`);
  }
  for (const { queue, offset } of history.flushed.slice(0, moment.flushed)) {
    // A position in what was lost with the unsynced end of the log has to go back to where the queue ends now.
    const least = moment.durableTo === Infinity ? offset : Math.min(offset, observed.ends.get(queue) ?? 0);
    if ((observed.progress.get(queue) ?? 0) < least)
      faults.push(`the position ${offset} of ${queue} was durable and is ${observed.progress.get(queue)}`);
  }
}
