import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { MessagingTemplate } from 'nestmq';
import { PriceBoard } from './price-board.js';
import { PriceUpdateDto } from './price-update.dto.js';

@Controller('prices')
export class PricesController {
  constructor(
    private readonly board: PriceBoard,
    private readonly messaging: MessagingTemplate,
  ) {}

  @Get()
  prices(): Record<string, string> {
    return this.board.all();
  }

  /** A price on the board is nice to have: nobody waits for it, nobody repeats it. */
  @Post()
  @HttpCode(202)
  update(@Body() update: PriceUpdateDto): void {
    this.messaging.sendOneWay('prices', update);
  }
}
