import type { Entered, History } from './history.js';
import { delayAfter, fateOf, GROUPS, isFor, type Sent } from './model.js';
import type { Group } from './plan.js';

/** In a calm life what is due comes at once: the loop of the machine is the only delay, and its time stands still. */
const LATE_MILLIS = 100;

/** What is wrong with a history; empty when it is what the model allows. */
export function judge(history: History): string[] {
  const faults = [...history.strays];
  const byId = new Map(history.sent.map((sent) => [sent.id, sent]));
  for (const entered of history.entered) faults.push(...judgeDelivery(entered, byId.get(entered.id)));
  for (const group of GROUPS) {
    for (const sent of history.sent) {
      const deliveries = history.entered.filter((entered) => entered.id === sent.id && entered.group === group);
      const letters = history.letters.filter((letter) => letter.id === sent.id && letter.group === group);
      faults.push(...judgeMessage(sent, group, deliveries, letters, history));
    }
  }
  for (const letter of history.letters) {
    if (!byId.has(letter.id)) faults.push(`${letter.group} has a dead letter ${letter.id} that nobody sent`);
  }
  return [...faults, ...judgeResets(history), ...judgeOrder(history), ...judgeKeys(history, byId)];
}

function judgeDelivery({ id, group, at, seen, whilePaused }: Entered, sent: Sent | undefined): string[] {
  if (sent === undefined) return [`${group} got ${id}, which nobody sent`];
  const faults: string[] = [];
  const say = (what: string): void => void faults.push(`${group} got ${id} ${what}`);
  if (!isFor(sent, group))
    say(sent.ending?.startsWith('rollback') ? 'although it was rolled back' : 'against its filter');
  if (at < sent.notBefore) say(`${sent.notBefore - at} ms early`);
  if (whilePaused) say('while its listener was paused');
  const { kind, tag, topic } = seen;
  if (kind !== sent.planned.kind || tag !== `t.${id % 3}` || topic !== 'orders') {
    say(`as something else: ${JSON.stringify(seen)}`);
  }
  return faults;
}

function judgeMessage(
  sent: Sent,
  group: Group,
  deliveries: readonly Entered[],
  letters: History['letters'],
  { calm, entered }: History,
): string[] {
  const faults: string[] = [];
  const say = (what: string): void => void faults.push(`${group} and message ${sent.id}: ${what}`);
  const { attempts, end, errorClass } = fateOf(sent.planned, group);
  // One that may or may not have been stored is stored for all groups or for none.
  const exists = sent.state === 'stored' || entered.some(({ id }) => id === sent.id);
  if (!isFor(sent, group) || !exists) {
    if (letters.length > 0) say('is a dead letter, and was not even for the group');
    return faults;
  }
  if (!deliveries.some(({ settledOrder }) => settledOrder !== undefined)) say('lost: the group never came to its end');
  const numbers = deliveries.map(({ attempt }) => attempt);
  if (numbers.some((attempt) => attempt < 1 || attempt > attempts)) say(`attempts ${numbers}, ${attempts} were due`);
  if (calm && numbers.join() !== Array.from({ length: attempts }, (_, index) => index + 1).join()) {
    say(`attempts ${numbers} instead of 1 to ${attempts} once each`);
  }
  faults.push(...judgeTimes(sent, group, deliveries, calm));
  if (end === 'acknowledged' && letters.length > 0) say('is a dead letter, and was acknowledged');
  if (end === 'dead letter') {
    if (letters.length === 0) say('lost: it was given up and is no dead letter');
    if (calm && letters.length > 1) say(`is a dead letter ${letters.length} times`);
    for (const letter of letters) {
      if (letter.attempts !== attempts || letter.errorClass !== errorClass) {
        say(`its letter says ${letter.attempts} attempts and ${letter.errorClass}, not ${attempts} and ${errorClass}`);
      }
    }
  }
  return faults;
}

function judgeTimes(sent: Sent, group: Group, deliveries: readonly Entered[], calm: boolean): string[] {
  const faults: string[] = [];
  const first = new Map<number, number>();
  for (const { attempt, at } of deliveries) if (!first.has(attempt)) first.set(attempt, at);
  for (const [attempt, at] of first) {
    const before = first.get(attempt - 1);
    if (attempt > 1 && before === undefined) {
      faults.push(`${group} and message ${sent.id}: attempt ${attempt} without one before`);
      continue;
    }
    const due = before === undefined ? sent.notBefore : before + delayAfter(sent.planned, group, attempt - 1);
    if (at < due) faults.push(`${group} and message ${sent.id}: attempt ${attempt} came ${due - at} ms early`);
    // A queue in order may have to wait for others; a transaction for the broker's question.
    const prompt = group !== 'line' && sent.ending === undefined;
    const latest = Math.max(due, before === undefined ? sent.storedAt : due) + LATE_MILLIS;
    if (calm && prompt && at > latest) {
      faults.push(`${group} and message ${sent.id}: attempt ${attempt} came ${at - due} ms after it was due`);
    }
  }
  return faults;
}

/** What a group had seen when it was moved back comes again. */
function judgeResets({ entered, resets }: History): string[] {
  return resets.flatMap(({ group, order }) => {
    const own = entered.filter((one) => one.group === group);
    const ids = (part: readonly Entered[]): Set<number> => new Set(part.map(({ id }) => id));
    const after = ids(own.filter((one) => one.order > order));
    const missing = [...ids(own.filter((one) => one.order < order))].filter((id) => !after.has(id));
    return missing.map((id) => `${group} was moved back and did not get ${id} again`);
  });
}

/** In the orderly group a message is first seen after all that stand before it in its queue are settled. */
function judgeOrder({ entered }: History): string[] {
  const faults: string[] = [];
  const queues = new Map<number, Map<number, Entered[]>>();
  for (const one of entered) {
    if (one.group !== 'line') continue;
    const queue = queues.get(one.queueId) ?? new Map<number, Entered[]>();
    queues.set(one.queueId, queue);
    queue.set(one.queueOffset, [...(queue.get(one.queueOffset) ?? []), one]);
  }
  for (const [queueId, places] of queues) {
    const offsets = [...places.keys()].toSorted((a, b) => a - b);
    offsets.slice(1).forEach((offset, index) => {
      const before = places.get(offsets[index]!)!;
      const begun = places.get(offset)![0]!;
      const settled = Math.min(...before.map(({ settledOrder }) => settledOrder ?? Infinity));
      if (begun.order < settled) {
        faults.push(`line got ${begun.id} at ${queueId}/${offset} before it was done with ${before[0]!.id}`);
      }
    });
    for (const [offset, all] of places) {
      const ids = new Set(all.map(({ id }) => id));
      if (ids.size > 1) faults.push(`the place ${queueId}/${offset} holds ${[...ids].join(' and ')}`);
    }
  }
  return faults;
}

/** Messages of one key stand in one queue, as they were sent. */
function judgeKeys({ entered }: History, byId: ReadonlyMap<number, Sent>): string[] {
  const faults: string[] = [];
  const last = new Map<string, Entered>();
  const places = new Map<number, Entered>();
  for (const one of entered) if (one.group === 'line' && !places.has(one.id)) places.set(one.id, one);
  for (const id of [...places.keys()].toSorted((a, b) => a - b)) {
    const key = byId.get(id)?.key;
    if (key === undefined) continue;
    const place = places.get(id)!;
    const before = last.get(key);
    last.set(key, place);
    if (before === undefined) continue;
    if (before.queueId !== place.queueId) faults.push(`key ${key} stands in two queues`);
    else if (before.queueOffset >= place.queueOffset) faults.push(`key ${key}: ${id} stands before ${before.id}`);
  }
  return faults;
}
