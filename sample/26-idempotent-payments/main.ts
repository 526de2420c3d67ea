// Payments whose messages come more than once and that are booked once: Redis remembers which were. README.md beside this
// says how to break it.
//   --memory   remember in this process only, without a Redis
//   --without  remember nothing, to see what happens then
//   --break    two banks that die in the middle of payments, by SIGKILL; with --late after the booking instead of before
//   --slow     half a second for each payment, so that you can stop Redis meanwhile, or kill this
//
// Prints, with --memory, in any order:
//   booked invoice-1
//   booked invoice-2
//   booked invoice-3
//   3 payments: 3 booked once, 0 more than once, 0 never
import 'reflect-metadata';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { MessagingTemplate } from 'nestmq';
import { sayLedger } from '../shared/ledger.js';
import { said, say } from '../shared/say.js';
import { appModule } from './bank.js';
import { breakIt, work } from './break.js';
import { Ledger } from './ledger.js';
import { paySlowly } from './slow.js';
import { connectStore } from './store.js';

if (process.argv.includes('--worker')) await work();
else if (process.argv.includes('--break')) await breakIt();
else if (process.argv.includes('--slow')) await paySlowly();
else await payTwice();

/** Each customer presses the button twice. */
async function payTwice(): Promise<void> {
  const { store, close } = await connectStore(`sample-${Date.now()}:`);
  const ledger = new Ledger(mkdtempSync(join(tmpdir(), 'payments-')), say);
  const app = await NestFactory.createApplicationContext(appModule({ memory: true }, store, ledger), {
    logger: ['warn', 'error'],
  });
  app.enableShutdownHooks();
  const invoices = ['invoice-1', 'invoice-2', 'invoice-3'];
  const messaging = app.get(MessagingTemplate);
  for (const invoice of [...invoices, ...invoices]) {
    await messaging.syncSend('payments', { invoice }, { keys: invoice });
  }
  await said(process.argv.includes('--without') ? 6 : 3);
  // Waits for what is in a handler.
  await app.close();
  sayLedger(invoices, ledger.booked());
  await close();
}
