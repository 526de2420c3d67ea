import { describe, expect, it } from '@jest/globals';
import { MessagingError } from '../../lib/protocol/index.js';
import {
  decide,
  isAcknowledgement,
  RejectMessageError,
  RetryLaterError,
  Settle,
  type Stage,
} from '../../lib/client/index.js';
import { failureReason, REASON_MESSAGE_CHARS } from '../../lib/client/settle/settle.js';

class HttpException extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
  }
}

const statusOf = (error: unknown): number | undefined => (error instanceof HttpException ? error.status : undefined);

describe('what a settled delivery means', () => {
  it.each<[Stage, unknown, string, number | undefined]>([
    ['before-handler', undefined, 'acknowledge', undefined],
    ['before-handler', new MessagingError('UNDECODABLE', 'no JSON'), 'dead-letter', undefined],
    ['before-handler', new HttpException(400), 'dead-letter', undefined],
    ['before-handler', new HttpException(403), 'dead-letter', undefined],
    ['before-handler', new HttpException(499), 'dead-letter', undefined],
    ['before-handler', new HttpException(500), 'retry', undefined],
    ['before-handler', new HttpException(503), 'retry', undefined],
    ['before-handler', new Error('a guard’s database is away'), 'retry', undefined],
    ['before-handler', new MessagingError('TIMEOUT', 'slow'), 'retry', undefined],
    ['before-handler', new RejectMessageError('never'), 'dead-letter', undefined],
    ['before-handler', new RetryLaterError(50), 'retry', 50],
    ['handler', undefined, 'acknowledge', undefined],
    ['handler', new RejectMessageError('never'), 'dead-letter', undefined],
    ['handler', new RetryLaterError(0), 'retry', 0],
    ['handler', new RetryLaterError(90_000), 'retry', 90_000],
    ['handler', new HttpException(404), 'retry', undefined],
    ['handler', new MessagingError('UNDECODABLE', 'of something else'), 'retry', undefined],
    ['handler', new Error('failed'), 'retry', undefined],
    ['handler', 'a string', 'retry', undefined],
    ['handler', null, 'retry', undefined],
  ])('%s, %p: %s', (stage, error, kind, delayMillis) => {
    const settlement = decide(stage, error, statusOf);
    expect(settlement.kind).toBe(kind);
    if (settlement.kind !== 'acknowledge') expect(settlement.error).toBe(error);
    if (settlement.kind === 'retry') expect(settlement.delayMillis).toBe(delayMillis);
  });

  it('knows the acknowledgement of a filter, and nothing else, as one', () => {
    expect(isAcknowledgement(Settle.acknowledge())).toBe(true);
    for (const other of [undefined, null, true, {}, 'acknowledge']) expect(isAcknowledgement(other)).toBe(false);
  });

  it('refuses a retry at no time', () => {
    for (const millis of [-1, Number.NaN, Infinity]) expect(() => new RetryLaterError(millis)).toThrow(RangeError);
  });
});

describe('the reason of a failure', () => {
  it('names the class and the bounded message of whatever was thrown', () => {
    expect(failureReason(new HttpException(404), 7, 1)).toEqual({
      errorClass: 'HttpException',
      message: 'status 404',
      firstFailedAt: 7,
      attempts: 1,
    });
    expect(failureReason(new Error('x'.repeat(5000)), 0, 1).message).toHaveLength(REASON_MESSAGE_CHARS);
    expect(failureReason('text', 0, 1)).toMatchObject({ errorClass: 'string', message: 'text' });
    expect(failureReason(Object.create(null), 0, 1).message).toBe('a value that cannot be shown');
    const odd = Object.assign(new Error('x'), { message: { toString: null } });
    expect(failureReason(odd, 0, 1).message).toBe('a value that cannot be shown');
    expect(failureReason(new Error('a\u0001b\u0002c'), 0, 1).message).toBe('a b c');
  });

  it('never ends in half a character', () => {
    const { message } = failureReason(new Error(`${'x'.repeat(REASON_MESSAGE_CHARS - 1)}😀`), 0, 1);
    expect(message).toBe('x'.repeat(REASON_MESSAGE_CHARS - 1));
  });
});
