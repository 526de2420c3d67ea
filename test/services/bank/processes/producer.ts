// Orders transfers: the debit, the order and the message in one transaction, a hundred at a time. After a death, or a commit
// that nobody has confirmed, the database says how far it is.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { pgAdapter } from '../../../../lib/idempotency/sql/pg/index.js';
import { MessagingModule, MessagingTemplate, SqlOutbox } from '../../../../lib/index.js';
import { numbersOf, topicOf, type Transfer, transferOf } from '../plan.js';
import { debit } from './bank.js';
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
        if (numbers.length === 0) await sleep(IDLE_MILLIS);
        else if (member.without === 'outbox') await this.orderAndTell(numbers.map(transferOf));
        else await this.order(numbers.map(transferOf));
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
      await debit(client, member.index, transfers);
      const outbox = this.messaging.outbox(client);
      for (const [topic, some] of byTopic(transfers)) await outbox.batch(topic, some);
    });
  }

  /** What one must not do: who dies between the commit and the sends has taken the money and told nobody. */
  private async orderAndTell(transfers: readonly Transfer[]): Promise<void> {
    await transact(pool, (client) => debit(client, member.index, transfers));
    await Promise.all(transfers.map((transfer) => this.messaging.syncSend(topicOf(transfer.id), transfer)));
  }
}

function byTopic(transfers: readonly Transfer[]): Map<string, Transfer[]> {
  const topics = new Map<string, Transfer[]>();
  for (const transfer of transfers) {
    const topic = topicOf(transfer.id);
    const some = topics.get(topic);
    if (some === undefined) topics.set(topic, [transfer]);
    else some.push(transfer);
  }
  return topics;
}

const outbox = { store: new SqlOutbox(pgAdapter(pool)), relay: false };

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', nameServer: member.nameServer, outbox })],
  providers: [Till],
})
class ProducerModule {}

const application = await NestFactory.createApplicationContext(ProducerModule, { logger: ['warn', 'error'] });
application.enableShutdownHooks();
const till = application.get(Till);
process.on('message', ({ until }: { until: number }) => (till.until = until));
ready();
await till.work();
