import type { DeliveryGuarantee, ReceivedMessage } from '../client/index.js';
import type { Clock, Logger } from '../platform/index.js';
import type { AnyIdempotencyStore, IdempotencyDefaults, IdempotentOptions } from './options.js';
import type { IdempotencyOutcomes } from './outcomes.js';

/** Under which a handler's context gives its `IdempotentDelivery`. A mark that two copies of this package share. */
export const DELIVERY = Symbol.for('nestmq.idempotency.delivery');

/** A listener, as far as idempotency needs to know it; the same object for all its deliveries. */
export interface DeliveringListener {
  /** `Class.method`. */
  readonly name: string;
  readonly group: string;
  readonly connection: string;
  /** Of a broadcast group, in which every instance handles every message. */
  readonly instance: string | undefined;
  readonly delivery: DeliveryGuarantee;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outcomes: IdempotencyOutcomes;
  /** What `@Idempotent` said; false: nothing is done for it. */
  readonly options: IdempotentOptions | false | undefined;
  /** Of its connection. */
  readonly defaults: IdempotencyDefaults | undefined;
  /** Told at boot in which store its marks are. */
  readonly uses?: (store: AnyIdempotencyStore) => void;
  /** Several methods get each of its messages, every one with keys of its own. */
  readonly severalMethods: boolean;
}

/** One call of a handler. */
export interface IdempotentDelivery {
  readonly listener: DeliveringListener;
  readonly messages: readonly ReceivedMessage[];
  /** Undefined: one message, which the call itself settles. */
  readonly batch: BatchDelivery | undefined;
  /** Whether all values of the handler's stream count, not only the last. */
  readonly several: boolean;
  /** Fires when the messages may go to another member. */
  readonly signal: AbortSignal;
  /** By the outermost interceptor: another one further in does nothing. */
  isTaken: boolean;
  /** Fires the signal that the handler has. */
  abort(reason: Error): void;
  /** Called each time before the handler gets its signal. */
  watch(look: () => void): void;
  /** What the handler finds as `context.transaction`; undefined: it is over. */
  setTransaction(transaction: { readonly handle: unknown } | undefined): void;
  /** The call is over. */
  end(): void;
}

/** Several messages, each settled for itself. Places are those among `messages`. */
export interface BatchDelivery {
  /** The handler gets only these. */
  keep(places: readonly number[]): void;
  /** Settles one that the handler does not decide about; no error acknowledges it. */
  settle(place: number, error: unknown): void;
  /** Whether a pipe or the handler has let it fail. */
  hasFailed(place: number): boolean;
}

export function deliveryOf(context: unknown): IdempotentDelivery | undefined {
  return (context as { [DELIVERY]?: IdempotentDelivery } | null | undefined)?.[DELIVERY];
}
