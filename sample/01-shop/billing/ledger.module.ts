import { Global, Module } from '@nestjs/common';
import { ShopSettings } from '../settings.js';
import { Ledger } from './ledger.js';

/** One ledger for all who book. */
@Global()
@Module({
  providers: [
    {
      provide: Ledger,
      inject: [ShopSettings],
      useFactory: (settings: ShopSettings) => Ledger.open(settings.path('ledger.log')),
    },
  ],
  exports: [Ledger],
})
export class LedgerModule {}
