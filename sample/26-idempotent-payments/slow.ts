import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { MessagingAdmin, MessagingTemplate } from 'nestmq';
import { sayLedger } from '../shared/ledger.js';
import { say } from '../shared/say.js';
import { appModule } from './bank.js';
import { Ledger } from './ledger.js';
import { connectStore } from './store.js';

const PAYMENTS = 20;
const FOLDER = 'payments-slow';

/** Slow enough to be stopped by hand; what it has not done when it is killed it does when it is started again. */
export async function paySlowly(): Promise<void> {
  const folder = resolve(FOLDER);
  const list = join(folder, 'asked.txt');
  const begun = existsSync(list);
  mkdirSync(folder, { recursive: true });
  const { store, close } = await connectStore('payments:');
  const ledger = new Ledger(folder, say);
  const app = await NestFactory.createApplicationContext(appModule({ store: join(folder, '.nestmq') }, store, ledger), {
    logger: ['warn', 'error'],
  });
  if (!begun) {
    const now = Date.now();
    const invoices = Array.from({ length: PAYMENTS }, (_, index) => `invoice-${now}-${index + 1}`);
    const messaging = app.get(MessagingTemplate);
    for (const invoice of [...invoices, ...invoices]) {
      await messaging.syncSend('payments', { invoice }, { keys: invoice });
    }
    writeFileSync(list, invoices.join('\n'));
  }
  const { groups } = app.get(MessagingAdmin);
  let stopped = false;
  process.once('SIGTERM', () => (stopped = true)).once('SIGINT', () => (stopped = true));
  while (!stopped && (await groups.lag('bank', { ages: false })).lag > 0) await sleep(100);
  await app.close();
  sayLedger(readFileSync(list, 'utf8').split('\n'), ledger.booked());
  say(`begun anew when ${FOLDER} is removed`);
  await close();
}
