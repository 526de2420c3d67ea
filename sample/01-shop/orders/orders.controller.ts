import { randomUUID } from 'node:crypto';
import { Body, Controller, HttpCode, Post, UnprocessableEntityException } from '@nestjs/common';
import { parseMoney } from '../money.js';
import { LIVE_DAY, NewOrderDto } from './order.dto.js';
import { OrderRefusedError, OrdersService } from './orders.service.js';

/** What a customer may owe the shop. */
const CREDIT = parseMoney('1000');

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  /** Answers as soon as the order is durable; billing and the warehouse follow in their own time. */
  @Post()
  @HttpCode(202)
  async place(@Body() { customer, lines }: NewOrderDto): Promise<{ invoice: string; messageId: string }> {
    const invoice = `L${randomUUID()}`;
    const order = { day: LIVE_DAY, invoice, customer, at: new Date().toISOString(), lines };
    try {
      return { invoice, messageId: await this.orders.place(order, CREDIT) };
    } catch (error) {
      if (error instanceof OrderRefusedError) throw new UnprocessableEntityException(error.message, { cause: error });
      throw error;
    }
  }
}
