import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { PricesModule } from '../prices/prices.module.js';
import { ReplayModule } from '../replay/replay.module.js';
import { ReportController } from './report.controller.js';
import { ReportService } from './report.service.js';

@Module({
  imports: [OrdersModule, ReplayModule, PricesModule],
  controllers: [ReportController],
  providers: [ReportService],
})
export class ReportModule {}
