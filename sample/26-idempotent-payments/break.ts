import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagingAdmin, MessagingModule, MessagingTemplate } from 'nestmq';
import { sayLedger } from '../shared/ledger.js';
import { say } from '../shared/say.js';
import { endWithParent, Victim } from '../shared/victim.js';
import { appModule, death } from './bank.js';
import { Ledger } from './ledger.js';
import { connectStore } from './store.js';

const PAYMENTS = 40;
const BANKS = 2;
const STORE = '.nestmq';

/** The cash desk: sends each payment twice to two banks that die, and counts at the end what was booked. */
export async function breakIt(): Promise<void> {
  if (process.argv.includes('--memory')) {
    throw new Error('--break needs a Redis: what a process remembers dies with it');
  }
  const folder = mkdtempSync(join(tmpdir(), 'payments-'));
  // Says at once when there is no Redis.
  await (await connectStore(basename(folder))).close();

  // It hosts the broker, which the banks join.
  @Module({ imports: [MessagingModule.forRoot({ application: 'shop', broker: { store: join(folder, STORE) } })] })
  class CashDesk {}
  const app = await NestFactory.createApplicationContext(CashDesk, { logger: ['error'] });
  const invoices = Array.from({ length: PAYMENTS }, (_, index) => `invoice-${index + 1}`);
  let open = true;
  const working = new Set<Victim>();
  /** Keeps one bank at work; only the first dies: with three deaths its messages would be suspected. */
  const employ = async (ready: () => void): Promise<void> => {
    for (let deaths = 0; open; deaths++) {
      if (deaths > 0) say('a bank has died in the middle of a payment');
      const bank = new Victim(folder, [...process.argv.slice(2), ...(deaths === 0 ? ['--die'] : [])], ready);
      working.add(bank);
      await bank.gone;
      working.delete(bank);
    }
  };
  const banks: Promise<void>[] = [];
  for (let bank = 1; bank <= BANKS; bank++) await new Promise<void>((ready) => banks.push(employ(ready)));

  const messaging = app.get(MessagingTemplate);
  for (const invoice of [...invoices, ...invoices]) {
    await messaging.syncSend('payments', { invoice }, { keys: invoice });
  }
  const { groups } = app.get(MessagingAdmin);
  while ((await groups.lag('bank', { ages: false })).lag > 0) await sleep(100);
  open = false;
  for (const bank of working) await bank.kill();
  await Promise.all(banks);
  await app.close();
  sayLedger(invoices, new Ledger(folder, say).booked());
}

/** A bank. */
export async function work(): Promise<void> {
  endWithParent();
  const folder = process.cwd();
  if (process.argv.includes('--die')) {
    let payments = 0;
    const die = (): void => {
      if (++payments === 5) process.kill(process.pid, 'SIGKILL');
    };
    if (process.argv.includes('--late')) death.after = die;
    else death.before = die;
  }
  const { store } = await connectStore(basename(folder));
  const ledger = new Ledger(folder, () => undefined);
  const app = await NestFactory.createApplicationContext(appModule({ store: STORE }, store, ledger), {
    logger: ['error'],
  });
  app.enableShutdownHooks();
  // The cash desk waits for a line.
  say('open');
}
