import { defineHeader, flag, int, text } from './schema.js';

/** Extension HOLD_KEYS. */
export interface HoldKeysRequestHeader {
  topic: string;
  /** Whose hold it is: nobody else can prolong or use it. */
  holdId: string;
  /** From now on; 0 ends it. */
  holdMillis: number;
  /** Begins one. Otherwise it is prolonged, which is refused when it has lapsed meanwhile. */
  begin: boolean;
}

export interface HoldKeysResponseHeader {
  /** Whether all that was accepted before the hold can be read: the ends of the queues are known from then on. */
  settled: boolean;
}

/** Extension SPREAD_KEYS. */
export interface SpreadKeysRequestHeader {
  topic: string;
  holdId: string;
  /** How many of the topic's queues keys hash over from now on. */
  orderedQueues: number;
}

export const holdKeys = defineHeader<HoldKeysRequestHeader>({
  topic: text,
  holdId: text,
  holdMillis: int,
  begin: flag,
});

export const holdKeysResponse = defineHeader<HoldKeysResponseHeader>({ settled: flag });

export const spreadKeys = defineHeader<SpreadKeysRequestHeader>({ topic: text, holdId: text, orderedQueues: int });
