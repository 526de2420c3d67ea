// One insert for many messages: the handler gets an array, and each message has an outcome of its own.
//
// Prints:
//   booking 3 entries
//   entry 2 refused: an entry has no negative amount
//   1 dead letter
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  MessageListener,
  MessagingAdmin,
  MessagingModule,
  MessagingTemplate,
  RejectMessageError,
  type MessageBatchContext,
} from 'nestmq';
import { said, say } from '../shared/say.js';

interface Entry {
  id: number;
  cents: number;
}

@Injectable()
class Ledger {
  @MessageListener({ topic: 'entries', group: 'ledger', batch: { size: 3, timeout: '5s' } })
  book(entries: Entry[], context: MessageBatchContext): void {
    say(`booking ${entries.length} entries`);
    for (const [index, { id, cents }] of entries.entries()) {
      if (cents >= 0) continue;
      const refusal = new RejectMessageError('an entry has no negative amount');
      say(`entry ${id} refused: ${refusal.message}`);
      context.fail(index, refusal);
    }
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', broker: { memory: true } })],
  providers: [Ledger],
})
class AppModule {}

// Without the log line of the dead letter.
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
await app.get(MessagingTemplate).batch('entries', [
  { id: 1, cents: 100 },
  { id: 2, cents: -200 },
  { id: 3, cents: 300 },
]);
await said(2);
let letters = 0;
while (letters === 0) letters = (await app.get(MessagingAdmin).deadLetters.list('ledger')).letters.length;
say(`${letters} dead letter`);
await app.close();
