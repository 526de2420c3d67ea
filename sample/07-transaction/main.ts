// A message and a row of one's own, both or neither. Whatever dies in between, the broker asks what became of the row.
//
// Prints:
//   packing order 1
//   order 1: COMMIT
//   order 2: ROLLBACK
//   order 3: UNKNOWN
//   the broker asks for order 3
//   packing order 3
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type LocalTransaction,
  MessageListener,
  MessagingModule,
  MessagingTemplate,
  TransactionListener,
  type TransactionMessage,
  TransactionState,
} from 'nestmq';
import { said, say } from '../shared/say.js';

interface Order {
  id: number;
  pieces: number;
}

@Injectable()
@TransactionListener('create-order')
class CreateOrder implements LocalTransaction<Order> {
  private readonly table = new Map<string, Order>(); // of a database in real life

  execute({ payload, transactionId }: TransactionMessage<Order>): TransactionState {
    if (payload.pieces > 100) return TransactionState.ROLLBACK;
    this.table.set(transactionId, payload);
    // Order 3: the row is there, and the process dies before it can say so.
    return payload.id === 3 ? TransactionState.UNKNOWN : TransactionState.COMMIT;
  }

  async check({ payload, transactionId }: TransactionMessage<Order>): Promise<TransactionState> {
    await said(4); // whatever the machine does, the line of order 3 comes first
    say(`the broker asks for order ${payload.id}`);
    return this.table.has(transactionId) ? TransactionState.COMMIT : TransactionState.ROLLBACK;
  }
}

@Injectable()
class Warehouse {
  @MessageListener({ topic: 'orders', tag: 'created', group: 'warehouse' })
  pack({ id }: Order): void {
    say(`packing order ${id}`);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      application: 'shop',
      // Impatient, for a sample: by default the broker asks after 6 s.
      broker: { memory: true, transactions: { timeoutMillis: 500, checkIntervalMillis: 500 } },
    }),
  ],
  providers: [CreateOrder, Warehouse],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
const order = async (id: number, pieces: number): Promise<TransactionState> =>
  (await messaging.transaction('orders:created', { id, pieces }, 'create-order')).transactionState;

const first = await order(1, 10);
await said(1);
say(`order 1: ${first}`);
say(`order 2: ${await order(2, 1000)}`);
say(`order 3: ${await order(3, 10)}`);
await said(6);
await app.close();
