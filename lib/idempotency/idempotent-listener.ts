import { createHash } from 'node:crypto';
import { PostponeError, ReceivedMessage } from '../client/index.js';
import type { DeliveringListener } from './delivery.js';
import { idempotencyKey } from './idempotency-key.js';
import { DuplicateRequestError, IdempotencyConflictError } from './idempotency-errors.js';
import { decodeResult, encodeResult } from './kept-result.js';
import { MAX_RESULT_BYTES, type ResolvedIdempotency } from './options.js';
import type { ListenerOutcomes } from './outcomes.js';
import type { Claim } from './store.js';
import { StoreHealth } from './store-health.js';

/** What the handler does not decide about: `error` undefined acknowledges, with `values` for who waits for a reply. */
export interface Verdict {
  readonly error?: unknown;
  readonly values?: readonly unknown[];
}

/** One message of a delivery, and what is known of it. */
export interface Place {
  readonly at: number;
  readonly message: ReceivedMessage;
  readonly claim: Claim;
  /** Set: it does not reach the handler, or not as far as the handler decides. */
  verdict: Verdict | undefined;
}

const NO_CLAIM: Claim = { key: '', fingerprint: undefined };

/** What idempotency knows of one listener, whatever kind its store is. */
export class IdempotentListener {
  readonly outcomes: ListenerOutcomes;
  readonly health: StoreHealth;
  private saidTooLarge = false;

  constructor(
    readonly options: ResolvedIdempotency,
    readonly host: DeliveringListener,
  ) {
    const { name, group, connection, clock, logger } = host;
    this.outcomes = host.outcomes.of({ listener: name, group, connection, store: options.store.name });
    const consequence =
      options.failurePolicy === 'open'
        ? 'messages are handled without it, also twice (failurePolicy open)'
        : 'the listener waits for it and handles nothing (failurePolicy closed)';
    this.health = new StoreHealth(this.outcomes, clock, logger, consequence);
  }

  /** With a verdict on those that have no key. */
  places(messages: readonly ReceivedMessage[]): Place[] {
    return messages.map((message, at) => {
      try {
        return { at, message, claim: this.claimOf(message), verdict: undefined };
      } catch (error) {
        return { at, message, claim: NO_CLAIM, verdict: { error } };
      }
    });
  }

  /** The message was handled before. */
  skipped({ message }: Place, result: Buffer | undefined): Verdict {
    this.outcomes.record('skipped', message.messageId);
    if (!message.isRequest) return {};
    const values = result === undefined ? undefined : decodeResult(result);
    return values === undefined ? { error: new DuplicateRequestError(message) } : { values };
  }

  conflict({ message, claim }: Place): Verdict {
    this.outcomes.record('conflict', message.messageId);
    return { error: new IdempotencyConflictError(message, claim.key) };
  }

  /** The store could not be asked for these messages: when they are to come again. */
  storeFailed(places: readonly Place[], error: unknown): Verdict {
    const delay = this.health.failed(error);
    for (const { message } of places) this.outcomes.record('store-error', message.messageId);
    return this.waitForStore(delay, error);
  }

  waitForStore(delayMillis: number, cause?: unknown): Verdict {
    const reason = `the idempotency store ${this.options.store.name} cannot be asked; ${this.host.name} waits for it`;
    return { error: new PostponeError(delayMillis, reason, { suspendListener: true, cause }) };
  }

  /** What the store keeps of what the handler came to. Never throws: the message is handled. */
  resultOf({ message }: Place, values: readonly unknown[]): Buffer | undefined {
    if (!this.options.cacheResult || !message.isRequest) return undefined;
    try {
      const result = encodeResult(values);
      if (result === undefined) this.sayNotKept(`it has more than ${MAX_RESULT_BYTES} bytes`);
      return result;
    } catch (error) {
      this.sayNotKept(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  private claimOf(message: ReceivedMessage): Claim {
    const { key, fingerprint } = this.options;
    return {
      key: idempotencyKey(message, key, this.host),
      fingerprint: fingerprint === false ? undefined : fingerprintOf(message, fingerprint),
    };
  }

  private sayNotKept(why: string): void {
    if (this.saidTooLarge) return;
    this.saidTooLarge = true;
    this.host.logger.warn(
      `what ${this.host.name} replies cannot be kept (${why}): a duplicate of such a request is replied to with an error`,
    );
  }
}

function fingerprintOf(message: ReceivedMessage, fingerprint: true | ((message: ReceivedMessage) => string | Buffer)) {
  const compared = fingerprint === true ? ReceivedMessage.bodyView(message) : fingerprint(message);
  return createHash('sha256').update(compared).digest('base64url');
}
