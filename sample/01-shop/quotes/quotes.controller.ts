import { Body, Controller, HttpCode, HttpException, Post } from '@nestjs/common';
import { RequestFailedError } from 'nestmq';
import { QuoteRequestDto, type Quote } from './quote.dto.js';
import { QuotesService } from './quotes.service.js';

@Controller('quotes')
export class QuotesController {
  constructor(private readonly quotes: QuotesService) {}

  @Post()
  @HttpCode(200)
  async ask(@Body() { lines }: QuoteRequestDto): Promise<Quote> {
    try {
      return { total: await this.quotes.quote(lines) };
    } catch (error) {
      // The listener's own HttpException has travelled back with status and response.
      if (error instanceof RequestFailedError && error.status !== undefined) {
        throw new HttpException((error.response as object | undefined) ?? error.message, error.status, {
          cause: error,
        });
      }
      throw error;
    }
  }
}
