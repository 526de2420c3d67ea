/** One message that a listener is about to handle, as a store knows it. @publicApi */
export interface Claim {
  /** At most `MAX_KEY_BYTES` bytes; what stands for the same key is the same message. */
  readonly key: string;
  /** Of the payload: a key that is known with another fingerprint is a conflict. Undefined: not compared. */
  readonly fingerprint: string | undefined;
}

/** What a store says to a claim. */
export type Claimed =
  /** Nobody has it: it is the caller's until the lease ends. */
  | { readonly outcome: 'acquired'; readonly token: string }
  /** It was handled; with what was kept of its result. */
  | { readonly outcome: 'completed'; readonly result: Buffer | undefined }
  /** Somebody else has it, for at most this long unless the lease is extended. */
  | { readonly outcome: 'busy'; readonly retryAfterMillis: number }
  /** The key is known with another fingerprint. */
  | { readonly outcome: 'conflict' };

/** A claim that was acquired: the token fences it, so that an attempt which outlived its lease changes nothing any more. */
export interface Held {
  readonly key: string;
  readonly token: string;
}

export interface Completed extends Held {
  /** Kept for those that come later; undefined: nothing is kept. */
  readonly result: Buffer | undefined;
}

/** Keys are kept below this: MySQL's primary keys have 3,072 bytes in all, at up to four bytes a character. */
export const MAX_KEY_BYTES = 512;

/**
 * Remembers which messages were handled and which are at work. All methods take many in one round trip and answer in the
 * order of what they were given; they reject when the store cannot be asked. Times are measured by the store's own clock,
 * so that the clocks of its clients need not agree.
 *
 * @publicApi
 */
export interface IdempotencyStore {
  /** One step: who acquires a key is the only one. A lease that has ended is taken over, under a new token. */
  acquire(claims: readonly Claim[], leaseMillis: number): Promise<Claimed[]>;
  /** False: the lease was lost, to somebody else or to time; nothing was changed. */
  extend(held: readonly Held[], leaseMillis: number): Promise<boolean[]>;
  /** Marks as handled, for `ttlMillis`. False: the lease was lost to somebody else; one that only ended is still marked. */
  complete(completed: readonly Completed[], ttlMillis: number): Promise<boolean[]>;
  /** Forgets an attempt, so that the next may begin at once. False: the lease was lost. */
  release(held: readonly Held[]): Promise<boolean[]>;
  /** What a listener and the logs call it, for example `redis`. */
  readonly name: string;
  /** Whether other processes see what this one has stored. */
  readonly shared: boolean;
  /** How long it remembers when the listener does not say; 72 h when the store does not either. */
  readonly defaultTtlMillis?: number;
}

/** What a transactional store says to a claim: a row that somebody else is writing is waited for. */
export type ClaimedInTransaction =
  { readonly outcome: 'acquired' } | Exclude<Claimed, { outcome: 'acquired' | 'busy' }>;

/**
 * Keeps its marks in the database of the business data, and writes them in one transaction with it: either both are there
 * or neither is.
 *
 * @publicApi
 */
export interface TransactionalIdempotencyStore<Tx = unknown> {
  /**
   * Begins a transaction, marks the claims that are not known in it, and calls `work` with what became of each; then keeps
   * the results and commits. Rejects, and leaves nothing behind, when `work` rejects or the commit fails. A commit that was
   * cut off may have happened: the message comes again and is then found completed.
   */
  transact<T>(
    claims: readonly Claim[],
    ttlMillis: number,
    work: (claimed: readonly ClaimedInTransaction[], transaction: Tx) => Promise<TransactedWork<T>>,
  ): Promise<T>;
  readonly name: string;
  readonly shared: true;
  /** As in `IdempotencyStore`. */
  readonly defaultTtlMillis?: number;
}

export interface TransactedWork<T> {
  readonly value: T;
  /** By place among the claims: what is kept of the result. Default: nothing of any. */
  readonly results?: readonly (Buffer | undefined)[];
}
