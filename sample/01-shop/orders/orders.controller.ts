import { randomUUID } from 'node:crypto';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { LIVE_DAY, NewOrderDto } from './order.dto.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  /** Answers as soon as the order is durable; billing and the warehouse follow in their own time. */
  @Post()
  @HttpCode(202)
  async place(@Body() { customer, lines }: NewOrderDto): Promise<{ invoice: string; messageId: string }> {
    const invoice = `L${randomUUID()}`;
    const messageId = await this.orders.place({
      day: LIVE_DAY,
      invoice,
      customer,
      at: new Date().toISOString(),
      lines,
    });
    return { invoice, messageId };
  }
}
