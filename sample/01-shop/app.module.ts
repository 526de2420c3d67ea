import { Module, type DynamicModule } from '@nestjs/common';
import { MessagingModule } from 'nestmq';
import { BillingModule } from './billing/billing.module.js';
import { LedgerModule } from './billing/ledger.module.js';
import { DeadLettersModule } from './dead-letters/dead-letters.module.js';
import { TillConverter } from './dead-letters/till.converter.js';
import { OrdersModule } from './orders/orders.module.js';
import { PaymentsModule } from './payments/payments.module.js';
import { PricesModule } from './prices/prices.module.js';
import { QuotesModule } from './quotes/quotes.module.js';
import { ReplayModule } from './replay/replay.module.js';
import { ReportModule } from './report/report.module.js';
import { SettingsModule } from './settings.module.js';
import type { ShopSettings } from './settings.js';
import { WarehouseModule } from './warehouse/warehouse.module.js';

@Module({})
export class AppModule {
  static with(settings: ShopSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.with(settings),
        // The broker runs in this process; the folder is its store. Nothing else has to be installed or started.
        MessagingModule.forRoot({
          application: 'shop',
          converter: new TillConverter(),
          broker: {
            store: settings.path('broker'),
            // A customer's orders wait for each other, and so do those of customers on the same queue.
            topics: [{ name: 'orders', queues: 16 }, 'payments', 'prices', 'quotes'],
          },
        }),
        LedgerModule,
        OrdersModule,
        BillingModule,
        WarehouseModule,
        PaymentsModule,
        PricesModule,
        QuotesModule,
        DeadLettersModule,
        ReplayModule,
        ReportModule,
      ],
    };
  }
}
