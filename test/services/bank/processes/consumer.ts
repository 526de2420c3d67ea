// Books transfers: puts the money into the account of the creditor, in one transaction with the mark that says so.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { PoolClient } from 'pg';
import { pgAdapter } from '../../../../lib/idempotency/sql/pg/index.js';
import {
  Idempotent,
  type MessageBatchContext,
  type MessageContext,
  MessageListener,
  type MessageListenerOptions,
  MessagingModule,
  SqlInbox,
} from '../../../../lib/index.js';
import { TRANSFERS, type Transfer, URGENT } from '../plan.js';
import { credit } from './bank.js';
import { member, pool, ready } from './member.js';
import { transact } from './transact.js';

/** Soon again, so that a run has many of them; as often as it takes. */
const AGAIN = { from: 'earliest', concurrency: 2, backoff: [200], maxReconsumeTimes: 1_000 } as const;
const MANY: MessageListenerOptions = {
  ...AGAIN,
  topic: TRANSFERS,
  group: 'bank',
  batch: { size: 100, timeout: 20 },
};
const ONE: MessageListenerOptions = { ...AGAIN, topic: URGENT, group: 'bank-urgent' };

const store = new SqlInbox(pgAdapter(pool));

@Injectable()
class Bank {
  @MessageListener(MANY)
  @Idempotent({ store })
  async book(transfers: Transfer[], context: MessageBatchContext<PoolClient>): Promise<void> {
    await credit(context.transaction, transfers);
  }

  @MessageListener(ONE)
  @Idempotent({ store })
  async bookOne(transfer: Transfer, context: MessageContext<Transfer, PoolClient>): Promise<void> {
    await credit(context.transaction, [transfer]);
  }
}

/** The same without the inbox. */
@Injectable()
class CarelessBank {
  @MessageListener(MANY)
  async book(transfers: Transfer[], _context: MessageBatchContext): Promise<void> {
    await transact(pool, (client) => credit(client, transfers));
  }

  @MessageListener(ONE)
  async bookOne(transfer: Transfer, _context: MessageContext): Promise<void> {
    await transact(pool, (client) => credit(client, [transfer]));
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', nameServer: member.nameServer })],
  providers: [member.without === 'inbox' ? CarelessBank : Bank],
})
class ConsumerModule {}

const application = await NestFactory.createApplicationContext(ConsumerModule, { logger: ['warn', 'error'] });
application.enableShutdownHooks();
ready();
