import { Controller, Get } from '@nestjs/common';
import { PriceBoard } from '../prices/price-board.js';
import { ReplayService } from '../replay/replay.service.js';
import type { Report } from './report.js';
import { ReportService } from './report.service.js';

@Controller()
export class ReportController {
  constructor(
    private readonly reports: ReportService,
    private readonly replay: ReplayService,
    private readonly board: PriceBoard,
  ) {}

  @Get()
  index(): object {
    return {
      shop: 'nestmq sample 01-shop',
      progress: { ordersSent: this.replay.sent, orders: this.replay.orders, priceUpdatesHeard: this.board.heard },
      endpoints: {
        'GET /report': 'totals of the replayed days',
        'GET /dead-letters': 'what nobody could read, and why',
        'GET /prices': 'the price board',
        'POST /prices': '{ "stockCode": "85123A", "price": "2.95" }',
        'POST /quotes':
          '{ "lines": [{ "stockCode": "85123A", "description": "LANTERN", "quantity": 6, "price": "2.55" }] }',
        'POST /orders':
          '{ "customer": "17850", "lines": [{ "stockCode": "85123A", "description": "LANTERN", "quantity": 6, "price": "2.55" }] }',
      },
    };
  }

  @Get('report')
  report(): Report {
    return this.reports.report();
  }

  @Get('dead-letters')
  deadLetters(): Report['deadLetters'] {
    return this.reports.report().deadLetters;
  }
}
