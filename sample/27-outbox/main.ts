// An order and its message in one transaction, a payment and its mark in one: kill it at any moment, each order is paid once.
// README.md beside this says how to break it.
//   --sqlite   a database in memory instead of PostgreSQL
//   --without  send after the commit, and mark nothing, to see what happens then
//   --break    kill the application at random times, by SIGKILL, and start it again
//
// Prints, with --sqlite, in any order:
//   paid order-1
//   paid order-2
//   paid order-3
//   3 payments: 3 booked once, 0 more than once, 0 never
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { sayLedger } from '../shared/ledger.js';
import { said, say } from '../shared/say.js';
import { breakIt, work } from './break.js';
import { connectDatabase } from './database.js';
import { appModule, Shop } from './shop.js';

if (process.argv.includes('--worker')) await work();
else if (process.argv.includes('--break')) await breakIt();
else await orderThree();

async function orderThree(): Promise<void> {
  const database = await connectDatabase(`sample_${Date.now()}`);
  const app = await NestFactory.createApplicationContext(appModule({ memory: true }, database, say), {
    logger: ['warn', 'error'],
  });
  app.enableShutdownHooks();
  for (let order = 1; order <= 3; order++) await app.get(Shop).order(`order-${order}`);
  await said(3);
  // Waits for what is in a handler.
  await app.close();
  sayLedger(await database.orders(), await database.payments());
  await database.close();
}
