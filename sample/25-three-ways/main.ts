// One application, three ways to run. By itself it has its broker inside; NAME_SERVER has it use a broker on its own, or a
// cluster. With --serve it goes on until it is stopped: docker/compose.yaml runs it so, in all three ways.
//
// Prints, in any order:
//   bill for order 1, to Norway
//   bill for order 2, to Norway
//   bill for order 3, to Norway
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, type MessagingConnectionOptions, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

/** The only lines that know where the broker is. */
function whereTheBrokerIs({ NAME_SERVER, STORE }: NodeJS.ProcessEnv): MessagingConnectionOptions {
  if (NAME_SERVER !== undefined) return { nameServer: NAME_SERVER };
  return { broker: { store: STORE ?? './.nestmq' } };
}

interface Order {
  id: number;
  country: string;
}

@Injectable()
class Billing {
  @MessageListener({ topic: 'orders', tag: 'created', group: 'billing', from: 'earliest' })
  bill({ id, country }: Order): void {
    say(`bill for order ${id}, to ${country}`);
  }
}

@Injectable()
class Shop implements OnModuleDestroy {
  private readonly closing = new AbortController();
  private id = 0;

  constructor(private readonly messaging: MessagingTemplate) {}

  async order(): Promise<void> {
    const order: Order = { id: ++this.id, country: 'Norway' };
    await this.messaging.syncSend('orders:created', order);
  }

  /** An order a second. One that a broker does not take is said, and the next one is tried. */
  async orderUntilStopped(): Promise<void> {
    while (!this.closing.signal.aborted) {
      await this.order().catch((error: Error) => say(`no order: ${error.message}`));
      await sleep(1000, undefined, { signal: this.closing.signal }).catch(() => undefined);
    }
  }

  onModuleDestroy(): void {
    this.closing.abort();
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', ...whereTheBrokerIs(process.env) })],
  providers: [Shop, Billing],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
const shop = app.get(Shop);
if (process.argv.includes('--serve')) {
  await shop.orderUntilStopped();
} else {
  for (let sent = 0; sent < 3; sent++) await shop.order();
  await said(3);
  await app.close();
}
