import { Type } from 'class-transformer';
import { ArrayMinSize, IsArray, ValidateNested } from 'class-validator';
import { OrderLineDto } from '../orders/order.dto.js';

/** What somebody would like to know the price of; the payload of every message in the topic `quotes`. */
export class QuoteRequestDto {
  @IsArray()
  @ArrayMinSize(1)
  @ValidateNested({ each: true })
  @Type(() => OrderLineDto)
  lines!: OrderLineDto[];
}

/** The reply. */
export interface Quote {
  /** A decimal, such as '25.50'. */
  total: string;
}
