import {
  type ReceivedMessage,
  type Settlement,
  type Stage,
  decide,
  isAcknowledgement,
  isPostponement,
  reasonText,
} from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { HandlerPipeline, Passage } from '../nest-internals.js';
import type { HandlerSettings } from './handler-settings.js';
import { settledValue } from './settled-value.js';
import { statusOf } from './status-of.js';

const ACKNOWLEDGED: Settlement = Object.freeze({ kind: 'acknowledge' });

/** What a failure means, after the filter that is there for it. Never rejects. */
export class FailureSettler {
  /** A filter made for HTTP fails alike for every message: said once per kind of error, then only for debugging. */
  private readonly reportedFilters = new Set<string>();

  constructor(
    private readonly pipeline: HandlerPipeline,
    private readonly settings: HandlerSettings,
  ) {}

  /** @param args What `getArgs()` gives to the filter. */
  async settle(
    thrown: unknown,
    stage: Stage,
    args: [payload: unknown, context: object],
    passage: Passage | undefined,
  ): Promise<Settlement> {
    // `throw undefined` is a failure too, but `decide` reads undefined as success.
    const failure = thrown ?? new Error(`${this.settings.name} threw ${String(thrown)}`);
    // Nothing has failed: the message only waits.
    if (isPostponement(failure)) return decide(stage, failure, statusOf);
    const filter = this.pipeline.filterFor(failure, passage, args);
    if (filter === undefined) return decide(stage, failure, statusOf);
    try {
      const answer = await settledValue(filter());
      return isAcknowledgement(answer) ? ACKNOWLEDGED : decide(stage, failure, statusOf);
    } catch (error) {
      return decide(stage, this.chosen(failure, error), statusOf);
    }
  }

  /**
   * A filter changes the failure by throwing another error. What it throws because it expects an HTTP response (a
   * TypeError, mostly `response.status is not a function`), or what is no error at all, says nothing about the message.
   */
  private chosen(failure: unknown, thrown: unknown): unknown {
    if (thrown === failure) return failure;
    if (thrown instanceof Error && !isAccident(thrown)) return thrown;
    const what = thrown instanceof Error ? thrown.message : `it threw ${typeof thrown}, not an Error`;
    const text =
      `an exception filter failed at a message for ${this.settings.name} (${what}); the original failure stands. ` +
      'Let the filter test isMqContext(host) first';
    if (this.reportedFilters.has(what)) this.settings.logger.debug(text);
    else {
      this.reportedFilters.add(what);
      this.settings.logger.warn(text);
    }
    return failure;
  }
}

/** What a filter throws that cannot do with a message what it does with an HTTP response. */
export function isAccident(thrown: Error): boolean {
  return thrown.name === 'TypeError' || thrown.name === 'ReferenceError';
}

export function undecodable(error: unknown, message: ReceivedMessage): unknown {
  if (error instanceof MessagingError && error.code === 'UNDECODABLE') return error;
  const why = reasonText(error);
  return new MessagingError(
    'UNDECODABLE',
    `message ${message.messageId} of ${message.topic} cannot be decoded: ${why}`,
    {
      cause: error,
    },
  );
}
