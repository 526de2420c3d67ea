import {
  type ArgumentsHost,
  BadRequestException,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  HttpException,
  Injectable,
  type PipeTransform,
  ServiceUnavailableException,
  UseFilters,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EMPTY, throwError } from 'rxjs';
import {
  MessageListener,
  MessagingTemplate,
  RejectMessageError,
  RetryLaterError,
  Settle,
  type MessageContext,
} from '../../lib/index.js';
import { LogBook, closeApplications, startApplication } from './support/application.js';
import { type DeadLetter, DeadLetterReader } from './support/dead-letters.js';
import { until } from './support/until.js';

const readers: DeadLetterReader[] = [];
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await closeApplications();
});

class Refused implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

function filterOf(catchIt: (exception: unknown, host: ArgumentsHost) => unknown): ExceptionFilter {
  @Catch()
  class TestFilter implements ExceptionFilter {
    catch(exception: unknown, host: ArgumentsHost): unknown {
      return catchIt(exception, host);
    }
  }
  return new TestFilter();
}

interface Outcome {
  attempts: number[];
  letters: DeadLetter[];
  logs: LogBook;
}

/** Sends one message to a listener that always fails, and waits for what becomes of it. */
async function outcomeOf(
  parts: {
    fail?: () => unknown;
    filter?: ExceptionFilter;
    guard?: CanActivate;
    pipe?: PipeTransform;
    retries?: number;
  },
  settled: (outcome: Outcome) => boolean = (outcome) => outcome.letters.length === 1,
): Promise<Outcome> {
  const attempts: number[] = [];
  @Injectable()
  class Listener {
    @MessageListener({ topic: 'orders', group: 'billing', maxReconsumeTimes: parts.retries ?? 1, backoff: [1] })
    @UseFilters(...(parts.filter === undefined ? [] : [parts.filter]))
    @UseGuards(...(parts.guard === undefined ? [] : [parts.guard]))
    @UsePipes(...(parts.pipe === undefined ? [] : [parts.pipe]))
    handle(_payload: unknown, context: MessageContext): unknown {
      attempts.push(context.attempt);
      return parts.fail?.();
    }
  }
  const logs = new LogBook();
  const app = await startApplication({ providers: [Listener], logger: logs });
  const reader = await DeadLetterReader.open(app, 'billing');
  readers.push(reader);
  await app.get(MessagingTemplate).syncSend('orders', { id: 7 });
  const outcome = { attempts, letters: reader.letters, logs };
  await until(() => settled(outcome), 'the message to be settled');
  return outcome;
}

const boom = (): never => {
  throw new Error('boom');
};

describe('what a failure becomes', () => {
  it('an error of the handler is retried, at last dead letter with the reason', async () => {
    const { attempts, letters } = await outcomeOf({ fail: boom, retries: 2 });
    expect(attempts).toEqual([1, 2, 3]);
    expect(letters[0]).toMatchObject({ errorClass: 'Error', reason: 'boom', attempts: 3 });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('boom'))],
    ['returns an Observable that errs', () => throwError(() => new Error('boom'))],
    [
      'throws undefined',
      () => {
        // oxlint-disable-next-line no-throw-literal
        throw undefined;
      },
    ],
  ])('a handler that %s has failed', async (_how, fail) => {
    const { attempts } = await outcomeOf({ fail });
    expect(attempts).toEqual([1, 2]);
  });

  it('a handler that returns an empty Observable has succeeded', async () => {
    const { attempts, letters } = await outcomeOf({ fail: () => EMPTY }, (outcome) => outcome.attempts.length === 1);
    expect([attempts, letters]).toEqual([[1], []]);
  });

  it('RejectMessageError goes to the dead letters at once', async () => {
    const fail = () => {
      throw new RejectMessageError('no such customer');
    };
    const { attempts, letters } = await outcomeOf({ fail, retries: 5 });
    expect(attempts).toEqual([1]);
    expect(letters[0]).toMatchObject({ errorClass: 'RejectMessageError', reason: 'no such customer' });
  });

  it('RetryLaterError counts as an attempt', async () => {
    const fail = () => {
      throw new RetryLaterError(1);
    };
    const { attempts } = await outcomeOf({ fail, retries: 2 });
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('a guard that says no sends the message to the dead letters without the handler', async () => {
    const { attempts, letters } = await outcomeOf({ guard: new Refused(), retries: 5 });
    expect(attempts).toEqual([]);
    expect(letters[0]).toMatchObject({ errorClass: 'ForbiddenException', attempts: 1 });
  });

  it('a status below 500 from a pipe means dead letter, one from the handler means retry', async () => {
    const fail = () => {
      throw new BadRequestException('no number');
    };
    const inPipe = await outcomeOf({ pipe: { transform: fail }, retries: 1 });
    expect(inPipe.attempts).toEqual([]);
    expect(inPipe.letters[0]).toMatchObject({ errorClass: 'BadRequestException', attempts: 1 });
    for (const guard of [undefined, { canActivate: () => true }]) {
      const inHandler = await outcomeOf({ fail, guard, retries: 1 });
      expect(inHandler.attempts).toEqual([1, 2]);
    }
  });

  it('a status of 500 and more, or a plain error, before the handler means retry', async () => {
    let tries = 0;
    const guard = {
      canActivate: () => {
        tries++;
        if (tries === 1) throw new ServiceUnavailableException();
        if (tries === 2) throw new Error('no database');
        return true;
      },
    };
    const { attempts } = await outcomeOf({ guard, retries: 5 }, (outcome) => outcome.attempts.length === 1);
    expect(attempts).toEqual([3]);
  });
});

describe('exception filters', () => {
  it.each([
    ['nothing', () => undefined],
    ['a value', () => ({ statusCode: 500 })],
    ['a promise', async () => 'handled'],
    ['an empty Observable', () => EMPTY],
  ])('a filter that returns %s does not turn the failure into success', async (_what, answer) => {
    const { attempts, letters } = await outcomeOf({ fail: boom, filter: filterOf(answer) });
    expect(attempts).toEqual([1, 2]);
    expect(letters[0]).toMatchObject({ reason: 'boom' });
  });

  it.each([
    ['returns', () => Settle.acknowledge()],
    ['resolves with', async () => Settle.acknowledge()],
  ])('a filter that %s Settle.acknowledge() settles the message', async (_how, answer) => {
    let caught = 0;
    const filter = filterOf(() => {
      caught++;
      return answer();
    });
    const { attempts } = await outcomeOf({ fail: boom, filter }, () => caught === 1);
    expect(attempts).toEqual([1]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new RejectMessageError('hopeless');
      },
    ],
    ['rejects with', async () => Promise.reject(new RejectMessageError('hopeless'))],
    ['returns an Observable of', () => throwError(() => new RejectMessageError('hopeless'))],
  ])('a filter that %s another error changes the error', async (_how, answer) => {
    const { attempts, letters } = await outcomeOf({ fail: boom, filter: filterOf(answer), retries: 5 });
    expect(attempts).toEqual([1]);
    expect(letters[0]).toMatchObject({ errorClass: 'RejectMessageError', reason: 'hopeless' });
  });

  it('a filter that waits for an HTTP response keeps the original failure and is reported', async () => {
    const filter = filterOf((exception, host) => {
      const response = host.switchToHttp().getResponse<{ status(code: number): { json(body: object): void } }>();
      response.status(exception instanceof HttpException ? exception.getStatus() : 500).json({});
    });
    const { attempts, letters, logs } = await outcomeOf({ fail: boom, filter });
    expect(attempts).toEqual([1, 2]);
    expect(letters[0]).toMatchObject({ errorClass: 'Error', reason: 'boom' });
    expect(logs.find('warn', /exception filter failed at a message for Listener\.handle .*isMqContext/)).toHaveLength(
      1,
    );
  });

  it("Nest's own BaseExceptionFilter keeps the original failure", async () => {
    const { attempts, letters } = await outcomeOf({ fail: boom, filter: new BaseExceptionFilter() });
    expect(attempts).toEqual([1, 2]);
    expect(letters[0]).toMatchObject({ reason: 'boom' });
  });

  it('a filter sees failures before the handler as well, and the stage stays the same', async () => {
    const seen: unknown[] = [];
    const filter = filterOf((exception) => void seen.push((exception as Error).name));
    const { attempts, letters } = await outcomeOf({ guard: new Refused(), filter, retries: 5 });
    expect([seen, attempts]).toEqual([['ForbiddenException'], []]);
    expect(letters).toHaveLength(1);
  });
});
