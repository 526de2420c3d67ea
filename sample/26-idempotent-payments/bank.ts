import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module, type Type } from '@nestjs/common';
import {
  type AnyIdempotencyStore,
  Idempotent,
  MessageListener,
  MessagingModule,
  type MessagingConnectionOptions,
} from 'nestmq';
import { Ledger } from './ledger.js';

interface Payment {
  invoice: string;
}

/** The one line that this sample is about. The lease is short, since a payment whose bank died waits until it ends. */
const once: MethodDecorator = process.argv.includes('--without')
  ? () => undefined
  : Idempotent({ key: 'keys', lease: '2s' });

/** In the worker of `--break`: ends the process in the middle of a payment. */
export const death = { before: (): void => undefined, after: (): void => undefined };

@Injectable()
class Bank {
  constructor(private readonly ledger: Ledger) {}

  @MessageListener({ topic: 'payments', group: 'bank', from: 'earliest', concurrency: 2 })
  @once
  async pay({ invoice }: Payment): Promise<void> {
    // The card's issuer is asked.
    await sleep(process.argv.includes('--slow') ? 1_000 : 50);
    death.before();
    this.ledger.book(invoice);
    death.after();
  }
}

export function appModule(
  broker: MessagingConnectionOptions['broker'],
  store: AnyIdempotencyStore,
  ledger: Ledger,
): Type {
  @Module({
    imports: [MessagingModule.forRoot({ application: 'shop', broker, idempotency: { store } })],
    providers: [Bank, { provide: Ledger, useValue: ledger }],
  })
  class AppModule {}
  return AppModule;
}
