import { describe, expect, it } from '@jest/globals';
import { answerLater, success } from '../../lib/broker/answers.js';
import { MessagingError, type RemotingCommand, ResponseCode } from '../../lib/protocol/index.js';

describe('an answer that comes later', () => {
  const answered = <T>(work: Promise<T>, answer: (value: T) => RemotingCommand): Promise<RemotingCommand> =>
    new Promise((resolve) => answerLater(work, resolve, answer));

  it('is made of what the work resolves with', async () => {
    const answer = await answered(Promise.resolve('body'), (text) => success(Buffer.from(text)));
    expect([answer.code, answer.body!.toString()]).toEqual([ResponseCode.SUCCESS, 'body']);
  });

  it.each([
    ['the work fails', Promise.reject(new MessagingError('DISK_FULL', 'no room')), () => success()],
    [
      'it cannot be made',
      Promise.resolve(),
      () => {
        throw new MessagingError('DISK_FULL', 'no room');
      },
    ],
  ])('tells why when %s', async (_what, work, answer) => {
    expect(await answered<unknown>(work, answer)).toMatchObject({
      code: ResponseCode.SERVICE_NOT_AVAILABLE,
      remark: 'DISK_FULL: no room',
    });
  });
});
