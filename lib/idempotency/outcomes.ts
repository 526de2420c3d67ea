/**
 * What idempotency came to for one message.
 *
 * | outcome       | meaning                                                                            |
 * |---------------|------------------------------------------------------------------------------------|
 * | `acquired`    | new: the handler runs                                                              |
 * | `skipped`     | handled before: acknowledged without running                                       |
 * | `busy`        | another attempt is at work: neither run nor acknowledged                           |
 * | `lost-lease`  | the attempt outlived its lease and somebody else took over: not acknowledged by it |
 * | `conflict`    | the key is known with another payload: dead letter                                 |
 * | `store-error` | the store could not be asked                                                       |
 *
 * @publicApi
 */
export type IdempotencyOutcome = 'acquired' | 'skipped' | 'busy' | 'lost-lease' | 'conflict' | 'store-error';

/** Whose message it was. @publicApi */
export interface IdempotentListenerName {
  /** `Class.method`, as `MessageListenerRegistry` names it. */
  readonly listener: string;
  readonly group: string;
  readonly connection: string;
  /** What the store calls itself. */
  readonly store: string;
}

/**
 * Told of every outcome, in the handler's asynchronous context, so that spans of the message are the active ones. What it
 * throws is logged and changes nothing.
 *
 * @publicApi
 */
export type IdempotencyObserver = (
  outcome: IdempotencyOutcome,
  listener: IdempotentListenerName,
  /** The unique id of the message. */
  messageId: string,
) => void;

/** @publicApi */
export type IdempotencyCounts = Readonly<Record<IdempotencyOutcome, number>>;

/** Of one listener, since it began. @publicApi */
export interface IdempotencyReport extends IdempotentListenerName {
  readonly counts: IdempotencyCounts;
  /** Handled unprotected, because the store could not be asked and `failurePolicy` is `open`. */
  readonly unprotected: number;
  /** Since when the store cannot be asked, in milliseconds since 1970; undefined: it answers. */
  readonly storeDownSince: number | undefined;
}

/** Counts what becomes of the messages of one listener. */
export class ListenerOutcomes {
  readonly counts: Record<IdempotencyOutcome, number> = {
    acquired: 0,
    skipped: 0,
    busy: 0,
    'lost-lease': 0,
    conflict: 0,
    'store-error': 0,
  };
  unprotected = 0;
  storeDownSince: number | undefined;

  constructor(
    readonly name: IdempotentListenerName,
    private readonly observers: ReadonlySet<IdempotencyObserver>,
    private readonly observerFailed: (error: unknown) => void,
  ) {}

  record(outcome: IdempotencyOutcome, messageId: string): void {
    this.counts[outcome]++;
    for (const observer of this.observers) {
      try {
        observer(outcome, this.name, messageId);
      } catch (error) {
        this.observerFailed(error);
      }
    }
  }

  report(): IdempotencyReport {
    const { name, counts, unprotected, storeDownSince } = this;
    return { ...name, counts: { ...counts }, unprotected, storeDownSince };
  }
}

/** The outcomes of all idempotent listeners of one connection. */
export class IdempotencyOutcomes {
  private readonly observers = new Set<IdempotencyObserver>();
  private readonly listeners = new Map<string, ListenerOutcomes>();

  /** @param observerFailed Gets what an observer throws. */
  constructor(private readonly observerFailed: (error: unknown) => void) {}

  /** Gives the function that ends it. */
  observe(observer: IdempotencyObserver): () => void {
    this.observers.add(observer);
    return () => void this.observers.delete(observer);
  }

  of(name: IdempotentListenerName): ListenerOutcomes {
    const id = `${name.listener} ${name.store}`;
    let outcomes = this.listeners.get(id);
    if (outcomes === undefined) {
      outcomes = new ListenerOutcomes(name, this.observers, this.observerFailed);
      this.listeners.set(id, outcomes);
    }
    return outcomes;
  }

  /** Undefined for a listener that is not idempotent. */
  report(listener: string): IdempotencyReport | undefined {
    return this.reports().find((report) => report.listener === listener);
  }

  reports(): IdempotencyReport[] {
    return [...this.listeners.values()].map((outcomes) => outcomes.report());
  }
}
