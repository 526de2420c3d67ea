import { Injectable, UnprocessableEntityException } from '@nestjs/common';
import { MessageListener } from 'nestmq';
import { formatMoney, parseMoney } from '../money.js';
import { QuoteRequestDto, type Quote } from './quote.dto.js';

const MOST_PIECES = 50_000;

/** What it returns is the reply, and what it throws is what the requester gets: neither is retried. */
@Injectable()
export class QuotesListener {
  @MessageListener({ topic: 'quotes', group: 'quotes' })
  onRequest({ lines }: QuoteRequestDto): Quote {
    const large = lines.find(({ quantity }) => quantity > MOST_PIECES);
    if (large !== undefined) {
      throw new UnprocessableEntityException(`${large.quantity} × ${large.stockCode}: please write us a letter`);
    }
    const total = lines.reduce((sum, { quantity, price }) => sum + quantity * parseMoney(price), 0);
    return { total: formatMoney(total) };
  }
}
