// Books transfers: puts the money into the account of the creditor, in one transaction with the mark that says so.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ClientBase } from 'pg';
import {
  type MessageBatchContext,
  MessageListener,
  MessagingModule,
  type MessageContext,
} from '../../../../lib/index.js';
import { TRANSFERS, type Transfer, URGENT } from '../plan.js';
import { member, pool, ready } from './member.js';
import { transact } from './transact.js';

/** Soon again, so that a run has many of them; as often as it takes. */
const AGAIN = { backoff: [200], maxReconsumeTimes: 1_000 } as const;

@Injectable()
class CarelessBank {
  @MessageListener({
    topic: TRANSFERS,
    group: 'bank',
    from: 'earliest',
    batch: { size: 100, timeout: 20 },
    concurrency: 2,
    ...AGAIN,
  })
  async book(transfers: Transfer[], _context: MessageBatchContext): Promise<void> {
    await transact(pool, (client) => credit(client, transfers));
  }

  @MessageListener({ topic: URGENT, group: 'bank-urgent', from: 'earliest', concurrency: 2, ...AGAIN })
  async bookOne(transfer: Transfer, _context: MessageContext): Promise<void> {
    await transact(pool, (client) => credit(client, [transfer]));
  }
}

async function credit(client: ClientBase, transfers: readonly Transfer[]): Promise<void> {
  const columns = [transfers.map(({ id }) => id), transfers.map(({ to }) => to), transfers.map(({ cents }) => cents)];
  await client.query(
    'INSERT INTO bookings (transfer, creditor, cents) SELECT * FROM unnest($1::int[], $2::int[], $3::int[])',
    columns,
  );
  // In one order everywhere: those who lock rows in another one wait for each other for ever.
  await client.query('SELECT 1 FROM accounts WHERE id = ANY($1::int[]) ORDER BY id FOR UPDATE', [columns[1]]);
  await client.query(
    `UPDATE accounts SET balance = balance + given.cents
     FROM (SELECT id, sum(cents) AS cents FROM unnest($1::int[], $2::int[]) AS t(id, cents) GROUP BY id) given
     WHERE accounts.id = given.id`,
    [columns[1], columns[2]],
  );
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', nameServer: member.nameServer })],
  providers: [CarelessBank],
})
class ConsumerModule {}

const application = await NestFactory.createApplicationContext(ConsumerModule, { logger: ['warn', 'error'] });
application.enableShutdownHooks();
ready();
