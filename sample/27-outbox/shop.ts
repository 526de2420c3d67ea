import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Module, type Type } from '@nestjs/common';
import {
  Idempotent,
  MessageContext,
  MessageListener,
  MessagingModule,
  MessagingTemplate,
  type MessagingConnectionOptions,
  SqlInbox,
  SqlOutbox,
} from 'nestmq';
import type { Database } from './database.js';

const DATABASE = Symbol('database');
const SAY = Symbol('say');
const careless = process.argv.includes('--without');

interface Order {
  id: string;
}

@Injectable()
export class Shop {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly messaging: MessagingTemplate,
  ) {}

  /** Takes an order: its row and its message are there together, or neither is. */
  async order(id: string): Promise<void> {
    const { adapter } = this.database;
    if (careless) {
      await adapter.query('INSERT INTO orders (id) VALUES ($1)', [id]);
      await sleep(5); // Whoever dies here has an order that nobody hears of.
      await this.messaging.syncSend('orders:placed', { id });
      return;
    }
    await adapter.transaction(async (transaction) => {
      await adapter.within(transaction)('INSERT INTO orders (id) VALUES ($1)', [id]);
      await this.messaging.outbox(transaction).syncSend('orders:placed', { id });
    });
  }
}

/** Its mark in the inbox and what the handler writes are one transaction. The store is the module's. */
const once: MethodDecorator = careless ? () => undefined : Idempotent();

@Injectable()
class Bank {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(SAY) private readonly say: (line: string) => void,
  ) {}

  @MessageListener({ topic: 'orders', tag: 'placed', group: 'bank', from: 'earliest', concurrency: 4 })
  @once
  async pay({ id }: Order, context: MessageContext<Order>): Promise<void> {
    const { adapter } = this.database;
    const query = careless ? adapter.query : adapter.within(context.transaction);
    await query('INSERT INTO payments (order_id) VALUES ($1)', [id]);
    await sleep(5); // Whoever dies here has paid, and nobody knows.
    this.say(`paid ${id}`);
  }
}

export function appModule(
  broker: MessagingConnectionOptions['broker'],
  database: Database,
  say: (line: string) => void,
): Type {
  const { adapter } = database;
  @Module({
    imports: [
      MessagingModule.forRoot({
        application: 'shop',
        broker,
        idempotency: { store: new SqlInbox(adapter) },
        // A short lease: what a killed relay had in hand is sent by the next one after 1 s.
        outbox: { store: new SqlOutbox(adapter), relay: { lease: '1s' } },
      }),
    ],
    providers: [Shop, Bank, { provide: DATABASE, useValue: database }, { provide: SAY, useValue: say }],
  })
  class AppModule {}
  return AppModule;
}
