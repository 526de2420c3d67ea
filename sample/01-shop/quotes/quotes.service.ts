import { Injectable } from '@nestjs/common';
import { MessagingTemplate } from 'nestmq';
import type { OrderLineDto } from '../orders/order.dto.js';
import type { Quote } from './quote.dto.js';

@Injectable()
export class QuotesService {
  constructor(private readonly messaging: MessagingTemplate) {}

  /** Asks for a quote and awaits the reply; whoever listens may be another process. */
  async quote(lines: readonly OrderLineDto[]): Promise<string> {
    const { total } = await this.messaging.request<Quote>('quotes', { lines }, { timeout: '20s' });
    return total;
  }
}
