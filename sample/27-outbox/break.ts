import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { MessagingAdmin, SqlOutbox } from 'nestmq';
import { sayLedger } from '../shared/ledger.js';
import { say } from '../shared/say.js';
import { endWithParent, Victim } from '../shared/victim.js';
import { connectDatabase } from './database.js';
import { appModule, Shop } from './shop.js';

const ORDERS = 300;
/** After three deaths with the same messages they would be suspected, and taken one at a time. */
const DEATHS = 2;
const NAME_FLAG = '--name=';

/** Starts the shop, kills it in the middle of its work, starts it again, and counts at the end what was paid. */
export async function breakIt(): Promise<void> {
  if (process.argv.includes('--sqlite')) {
    throw new Error('--break needs a PostgreSQL: a database in memory dies with the application');
  }
  const name = `sample_${Date.now()}`;
  const database = await connectDatabase(name);
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  for (let life = 0; ; life++) {
    let paid = 0;
    let payments!: (enough: true) => void;
    const busy = new Promise<true>((resolve) => (payments = resolve));
    const some = 10 + Math.floor(Math.random() * 60);
    const shop = new Victim(folder, [...process.argv.slice(2), NAME_FLAG + name], () => {
      if (++paid === some) payments(true);
    });
    if (life >= DEATHS) {
      if (await shop.gone) break;
      say('started again, since the database was away');
      continue;
    }
    await Promise.race([busy, shop.gone]);
    await shop.kill();
    say(`killed after ${some} payments`);
  }
  sayLedger(await database.orders(), await database.payments());
  await database.drop();
  await database.close();
}

/** The shop: goes on with the orders where it was, and ends when all are paid that ever will be. */
export async function work(): Promise<void> {
  endWithParent();
  const name = process.argv.find((flag) => flag.startsWith(NAME_FLAG))!.slice(NAME_FLAG.length);
  const database = await connectDatabase(name);
  const app = await NestFactory.createApplicationContext(appModule({ store: '.nestmq' }, database, say), {
    logger: ['error'],
  });
  app.enableShutdownHooks();
  const shop = app.get(Shop);
  const taken = (await database.orders()).length;
  for (let order = taken + 1; order <= ORDERS; order++) await shop.order(`order-${order}`);
  const outbox = new SqlOutbox(database.adapter);
  while ((await outbox.status()).waiting > 0) await sleep(50);
  const { groups } = app.get(MessagingAdmin);
  while ((await groups.lag('bank', { ages: false })).lag > 0) await sleep(50);
  await app.close();
  await database.close();
  // The channel to the parent would keep it alive.
  process.exit();
}
