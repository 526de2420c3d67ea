import { ConsumeMode } from './consume-mode.js';
import type { DeliveryGuarantee } from './delivery-guarantee.js';

/** What of a listener can contradict the rest of it; the names are those of the decorator. */
export interface ListenerTraits {
  readonly mode: ConsumeMode;
  readonly delivery?: DeliveryGuarantee;
  readonly concurrency?: unknown;
  readonly maxReconsumeTimes?: unknown;
  readonly backoff?: unknown;
  readonly retryRequests?: unknown;
  readonly keyOrder?: unknown;
  readonly consumeTimeout?: unknown;
  readonly rateLimit?: { readonly limit: number };
  readonly batch?: { readonly size: number };
}

interface Conflict {
  readonly option: keyof ListenerTraits;
  readonly when: (traits: ListenerTraits) => boolean;
  readonly why: string;
}

const broadcast = ({ mode }: ListenerTraits): boolean => mode === ConsumeMode.BROADCAST;
const orderly = ({ mode }: ListenerTraits): boolean => mode === ConsumeMode.ORDERLY;
const once = ({ delivery }: ListenerTraits): boolean => delivery === 'at-most-once';

const NOTHING_RETRIED = 'would do nothing: nothing is retried in broadcast mode; leave it out, or choose another mode';
const ACKNOWLEDGED_FIRST =
  'would do nothing: what is acknowledged before its handler runs is never tried again; leave it out, or take delivery at-least-once';

const CONFLICTS: readonly Conflict[] = [
  { option: 'backoff', when: broadcast, why: NOTHING_RETRIED },
  { option: 'maxReconsumeTimes', when: broadcast, why: NOTHING_RETRIED },
  { option: 'retryRequests', when: broadcast, why: NOTHING_RETRIED },
  { option: 'consumeTimeout', when: broadcast, why: NOTHING_RETRIED },
  {
    option: 'concurrency',
    when: orderly,
    why: 'would do nothing: an orderly listener handles one message of a queue at a time; give the topic more queues instead',
  },
  {
    option: 'keyOrder',
    when: orderly,
    why: 'would do nothing: in orderly mode a queue is in order as a whole; leave it out, or choose CONCURRENT',
  },
  {
    option: 'delivery',
    when: (traits) => orderly(traits) && once(traits),
    why: 'cannot be at-most-once in orderly mode, where a queue waits until a message succeeds; choose CONCURRENT with keyOrder',
  },
  { option: 'backoff', when: once, why: ACKNOWLEDGED_FIRST },
  { option: 'maxReconsumeTimes', when: once, why: ACKNOWLEDGED_FIRST },
  { option: 'retryRequests', when: once, why: ACKNOWLEDGED_FIRST },
  { option: 'consumeTimeout', when: once, why: ACKNOWLEDGED_FIRST },
  {
    option: 'batch',
    when: orderly,
    why: 'cannot be had in orderly mode, where a queue goes on when its message has succeeded; choose CONCURRENT',
  },
  {
    option: 'keyOrder',
    when: ({ batch }) => batch !== undefined,
    why: 'orders single messages, not batches; leave out one of them',
  },
  {
    option: 'batch',
    when: ({ batch, rateLimit }) => batch !== undefined && rateLimit !== undefined && batch.size > rateLimit.limit,
    why: 'has a size over the limit of rateLimit: one batch would be more than an interval may bring; choose a smaller size',
  },
];

/** An option that does not go with the others, and what to do; undefined for none. */
export function conflictOf(traits: ListenerTraits): { readonly option: string; readonly why: string } | undefined {
  return CONFLICTS.find(({ option, when }) => traits[option] !== undefined && when(traits));
}
