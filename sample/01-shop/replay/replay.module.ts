import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { ShopSettings } from '../settings.js';
import { ReplayProgress } from './replay-progress.js';
import { ReplayService } from './replay.service.js';

@Module({
  imports: [OrdersModule],
  providers: [
    {
      provide: ReplayProgress,
      inject: [ShopSettings],
      useFactory: (settings: ShopSettings) => ReplayProgress.open(settings.path('replay.log')),
    },
    ReplayService,
  ],
  exports: [ReplayService, ReplayProgress],
})
export class ReplayModule {}
