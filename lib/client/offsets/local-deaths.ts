/** What an instance holds against the first messages of a queue; for groups that share their messages the broker does. */
export interface LocalSuspicion {
  /** The position at the latest death of the process. */
  readonly offset: number;
  readonly deaths: number;
  /** The messages below this are suspected. */
  readonly until: number;
  /** In a handler now, and no other suspect. */
  readonly alone?: number;
  /** Was in a handler alone when the process died. */
  readonly killer?: number;
}

/** So many deaths over the same messages are no accident. */
export const DEATHS = 3;
/** Messages of a queue that may have been fetched, and so in a handler, at the same time. */
const WINDOW = 1024;

/** After another death at this position, `end` being the queue's next offset; undefined when nothing was left to do. */
export function afterDeath(
  before: LocalSuspicion | undefined,
  offset: number,
  end: number,
): LocalSuspicion | undefined {
  if (offset >= end) return undefined;
  const window = Math.min(end, offset + WINDOW);
  if (before === undefined) return { offset, deaths: 1, until: window };
  const alone = before.alone ?? before.killer;
  const killer = alone !== undefined && alone >= offset ? alone : undefined;
  const deaths = before.deaths + 1;
  if (before.offset === offset) return { offset, deaths, until: Math.max(before.until, window), killer };
  // One at a time it gets on between deaths; suspects stay suspects until they are all behind it.
  if (before.deaths >= DEATHS && offset < before.until) return { offset, deaths, until: before.until, killer };
  return { offset, deaths: 1, until: window };
}

/** Reads what a file says; undefined for anything that is none. */
export function readSuspicion(value: unknown): LocalSuspicion | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { offset, deaths, until, alone, killer } = value as Record<string, unknown>;
  if (!isOffset(offset) || !isOffset(deaths) || !isOffset(until)) return undefined;
  return { offset, deaths, until, alone: optionalOffset(alone), killer: optionalOffset(killer) };
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function optionalOffset(value: unknown): number | undefined {
  return isOffset(value) ? value : undefined;
}
