// A job that asks for messages when it has time for them, and says of each by hand what becomes of it.
//
// Prints:
//   invoice 1: printed
//   invoice 2: no paper, again later
//   invoice 3: torn, a dead letter
//   invoice 2: printed
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagingModule, MessagingTemplate } from 'nestmq';
import { say } from '../shared/say.js';

@Module({ imports: [MessagingModule.forRoot({ application: 'office', broker: { memory: true } })] })
class AppModule {}

// Without the log line of the dead letter.
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const messaging = app.get(MessagingTemplate);
for (const id of [1, 2, 3]) await messaging.sendOrderly('invoices', { id }, 'all');

const printer = await messaging.pullConsumer<{ id: number }>({ group: 'printer', topic: 'invoices', from: 'earliest' });
for (let left = 3; left > 0;) {
  for (const pulled of await printer.poll({ maxMessages: 10, timeout: '1s' })) {
    const { id } = pulled.payload;
    if (id === 2 && pulled.message.attempt === 1) {
      say('invoice 2: no paper, again later');
      await printer.retryLater(pulled, '100ms', 'no paper');
    } else if (id === 3) {
      say('invoice 3: torn, a dead letter');
      await printer.reject(pulled, 'torn');
      left--;
    } else {
      say(`invoice ${id}: printed`);
      await printer.acknowledge(pulled);
      left--;
    }
  }
}
await printer.commit();
await app.close();
