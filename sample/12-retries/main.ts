// What a failure means is up to its handler: again after a while, at a time of its own choice, or never.
//
// Prints, in any order:
//   busy: attempt 1
//   busy: attempt 2
//   busy: attempt 3
//   closed: attempt 1
//   closed: attempt 2, after at least 300 ms
//   wrong: attempt 1
//   wrong: a dead letter after 1 attempts, not a phone number
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate, RejectMessageError, RetryLaterError } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Calls {
  private first = 0;

  @MessageListener({ topic: 'calls', group: 'calls', backoff: [50, 100], maxReconsumeTimes: 5 })
  call(number: string, { attempt }: MessageContext): void {
    const waited = attempt > 1 && Date.now() - this.first >= 300;
    say(`${number}: attempt ${attempt}${number === 'closed' && waited ? ', after at least 300 ms' : ''}`);
    // Any error: again by `backoff`, and at last a dead letter.
    if (number === 'busy' && attempt < 3) throw new Error('engaged');
    // This one knows when it makes sense to try again.
    if (number === 'closed' && attempt === 1) {
      this.first = Date.now();
      throw new RetryLaterError(300);
    }
    // This one never will.
    if (number === 'wrong') throw new RejectMessageError('not a phone number');
  }

  @MessageListener({ topic: '%DLQ%calls', group: 'complaints', from: 'earliest' })
  complain(number: string, { message }: MessageContext): void {
    const reason = message.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE');
    say(`${number}: a dead letter after ${message.systemProperty('NESTMQ_DLQ_ATTEMPTS')} attempts, ${reason}`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'office', broker: { memory: true } })],
  providers: [Calls],
})
class AppModule {}

// Without the log lines of what fails on purpose.
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const messaging = app.get(MessagingTemplate);
for (const number of ['busy', 'closed', 'wrong']) await messaging.syncSend('calls', number);
await said(7);
await app.close();
