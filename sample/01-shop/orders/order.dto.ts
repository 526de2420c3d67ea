import { Type } from 'class-transformer';
import {
  ArrayMinSize,
  IsArray,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  ValidateNested,
} from 'class-validator';

/** The day of orders that come by HTTP. */
export const LIVE_DAY = 'live';

export class OrderLineDto {
  @IsString()
  @IsNotEmpty()
  stockCode!: string;

  @IsString()
  description!: string;

  /** Negative where goods come back. */
  @IsInt()
  quantity!: number;

  /** A decimal as the till writes it, such as '2.55'. */
  @Matches(/^-?\d{1,11}(\.\d{1,4})?$/)
  price!: string;
}

/** An invoice of the shop; the payload of every message in the topic `orders`. */
export class OrderDto {
  /** The day it belongs to, or 'live' for orders that came by HTTP. */
  @Matches(/^(\d{4}-\d{2}-\d{2}|live)$/)
  day!: string;

  @Matches(/^[\w-]{1,40}$/)
  invoice!: string;

  /** Missing on guest orders. */
  @IsOptional()
  @IsString()
  customer?: string;

  @IsString()
  at!: string;

  /** What a guest was told beforehand that it would cost. */
  @IsOptional()
  @Matches(/^-?\d{1,11}(\.\d{1,4})?$/)
  quoted?: string;

  @IsArray()
  @ArrayMinSize(1)
  @ValidateNested({ each: true })
  @Type(() => OrderLineDto)
  lines!: OrderLineDto[];
}

/** What a browser posts: the shop adds the rest. */
export class NewOrderDto {
  @IsOptional()
  @IsString()
  customer?: string;

  @IsArray()
  @ArrayMinSize(1)
  @ValidateNested({ each: true })
  @Type(() => OrderLineDto)
  lines!: OrderLineDto[];
}

export const isCancellation = (order: OrderDto): boolean => order.invoice.startsWith('C');
export const isGuestOrder = (order: OrderDto): boolean => order.customer === undefined && !isCancellation(order);

/** Names an invoice among all days; message key and ledger key. */
export const invoiceKey = ({ day, invoice }: Pick<OrderDto, 'day' | 'invoice'>): string => `${day}/${invoice}`;
