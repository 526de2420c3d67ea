// A question with an answer: what the listener returns is the reply, and its errors reach whoever asked.
//
// Prints:
//   2 lanterns: 5.10
//   2 unicorns: NotFoundException 404, no unicorn
//   nobody answers: TIMEOUT
import 'reflect-metadata';
import { Injectable, Module, NotFoundException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingError, MessagingModule, MessagingTemplate, RequestFailedError } from 'nestmq';
import { say } from '../shared/say.js';

interface Question {
  article: string;
  pieces: number;
}

@Injectable()
class Quotes {
  private readonly prices = new Map([['lantern', 255]]);

  @MessageListener({ topic: 'quotes', group: 'quotes' })
  quote({ article, pieces }: Question): { total: string } {
    const price = this.prices.get(article);
    if (price === undefined) throw new NotFoundException(`no ${article}`);
    return { total: ((price * pieces) / 100).toFixed(2) };
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { memory: true } })],
  providers: [Quotes],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);

const { total } = await messaging.request<{ total: string }>('quotes', { article: 'lantern', pieces: 2 });
say(`2 lanterns: ${total}`);
try {
  await messaging.request('quotes', { article: 'unicorn', pieces: 2 });
} catch (error) {
  if (!(error instanceof RequestFailedError)) throw error;
  const { message } = error.response as { message: string };
  say(`2 unicorns: ${error.errorClass} ${error.status}, ${message}`);
}
try {
  await messaging.request('nobody', 'hello', { timeout: 200 });
} catch (error) {
  if (!(error instanceof MessagingError)) throw error;
  say(`nobody answers: ${error.code}`);
}
await app.close();
