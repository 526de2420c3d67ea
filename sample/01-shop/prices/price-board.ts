import { Injectable } from '@nestjs/common';
import { ConsumeMode, MessageListener } from 'nestmq';
import { PriceUpdateDto } from './price-update.dto.js';

/** The board above the till. Every process of the shop has its own, so every process hears every price. */
@Injectable()
export class PriceBoard {
  private readonly prices = new Map<string, string>();
  /** Price updates heard since this process started. */
  heard = 0;

  @MessageListener({ topic: 'prices', group: 'price-board', mode: ConsumeMode.BROADCAST })
  onPrice({ stockCode, price }: PriceUpdateDto): void {
    this.prices.set(stockCode, price);
    this.heard++;
  }

  all(): Record<string, string> {
    return Object.fromEntries(this.prices);
  }
}
