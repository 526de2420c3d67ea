import { ConsumeMode } from './consume-mode.js';

/** What of a listener can contradict the rest of it; the names are those of the decorator. */
export interface ListenerTraits {
  readonly mode?: ConsumeMode;
  readonly concurrency?: unknown;
  readonly maxReconsumeTimes?: unknown;
  readonly backoff?: unknown;
  readonly retryRequests?: unknown;
  readonly keyOrder?: unknown;
}

interface Conflict {
  readonly when: (traits: ListenerTraits) => boolean;
  readonly option: keyof ListenerTraits;
  readonly why: string;
}

const inMode =
  (mode: ConsumeMode) =>
  (traits: ListenerTraits): boolean =>
    traits.mode === mode;

const NO_RETRIES_IN_BROADCAST = 'nothing is retried in broadcast mode; leave it out, or choose another mode';

const CONFLICTS: readonly Conflict[] = [
  { when: inMode(ConsumeMode.BROADCAST), option: 'backoff', why: NO_RETRIES_IN_BROADCAST },
  { when: inMode(ConsumeMode.BROADCAST), option: 'maxReconsumeTimes', why: NO_RETRIES_IN_BROADCAST },
  { when: inMode(ConsumeMode.BROADCAST), option: 'retryRequests', why: NO_RETRIES_IN_BROADCAST },
  {
    when: inMode(ConsumeMode.ORDERLY),
    option: 'concurrency',
    why: 'an orderly listener handles one message of a queue at a time; give the topic more queues instead',
  },
  {
    when: inMode(ConsumeMode.ORDERLY),
    option: 'keyOrder',
    why: 'in orderly mode a queue is in order as a whole; leave it out, or choose CONCURRENT',
  },
];

/** An option that the others leave without effect, and what to do; undefined for none. */
export function conflictOf(traits: ListenerTraits): { readonly option: string; readonly why: string } | undefined {
  return CONFLICTS.find(({ option, when }) => traits[option] !== undefined && when(traits));
}
