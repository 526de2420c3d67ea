// Orders transfers: the debit, the order and the message in one transaction, a hundred at a time. After a death, or a commit
// that nobody has confirmed, the database says how far it is.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ClientBase } from 'pg';
import { MessagingModule, MessagingTemplate } from '../../../../lib/index.js';
import { numbersOf, topicOf, type Transfer, transferOf } from '../plan.js';
import { member, pool, ready } from './member.js';
import { transact } from './transact.js';

const AT_ONCE = 100;
const IDLE_MILLIS = 20;

@Injectable()
class Till {
  private readonly logger = new Logger(member.name);
  /** The greatest number that may be ordered as yet. */
  until = 0;

  constructor(private readonly messaging: MessagingTemplate) {}

  async work(): Promise<never> {
    for (;;) {
      try {
        const last = await this.last();
        const numbers = numbersOf(member.index, member.of, last, this.until).slice(0, AT_ONCE);
        if (numbers.length > 0) await this.order(numbers.map(transferOf));
        else await sleep(IDLE_MILLIS);
      } catch (error) {
        this.logger.warn(`again, since ${(error as Error).message}`);
        await sleep(IDLE_MILLIS);
      }
    }
  }

  private async last(): Promise<number> {
    const { rows } = await pool.query('SELECT coalesce(max(id), 0) AS last FROM orders WHERE producer = $1', [
      member.index,
    ]);
    return rows[0].last;
  }

  private async order(transfers: readonly Transfer[]): Promise<void> {
    await transact(pool, async (client) => {
      await debit(client, transfers);
    });
    await this.sendEach(transfers);
  }

  /** What one must not do: who dies between the commit and this has taken the money and told nobody. */
  private async sendEach(transfers: readonly Transfer[]): Promise<void> {
    await Promise.all(transfers.map((transfer) => this.messaging.syncSend(topicOf(transfer.id), transfer)));
  }
}

async function debit(client: ClientBase, transfers: readonly Transfer[]): Promise<void> {
  const columns = [
    transfers.map(({ id }) => id),
    transfers.map(({ from }) => from),
    transfers.map(({ to }) => to),
    transfers.map(({ cents }) => cents),
  ];
  await client.query(
    `INSERT INTO orders (producer, id, debtor, creditor, cents)
     SELECT $1, * FROM unnest($2::int[], $3::int[], $4::int[], $5::int[])`,
    [member.index, ...columns],
  );
  // In one order everywhere: those who lock rows in another one wait for each other for ever.
  await client.query('SELECT 1 FROM accounts WHERE id = ANY($1::int[]) ORDER BY id FOR UPDATE', [columns[1]]);
  await client.query(
    `UPDATE accounts SET balance = balance - taken.cents
     FROM (SELECT id, sum(cents) AS cents FROM unnest($1::int[], $2::int[]) AS t(id, cents) GROUP BY id) taken
     WHERE accounts.id = taken.id`,
    [columns[1], columns[3]],
  );
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', nameServer: member.nameServer })],
  providers: [Till],
})
class ProducerModule {}

const application = await NestFactory.createApplicationContext(ProducerModule, { logger: ['warn', 'error'] });
const till = application.get(Till);
process.on('message', ({ until }: { until: number }) => (till.until = until));
ready();
await till.work();
