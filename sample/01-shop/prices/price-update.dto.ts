import { IsNotEmpty, IsString, Matches } from 'class-validator';

export class PriceUpdateDto {
  @IsString()
  @IsNotEmpty()
  stockCode!: string;

  @Matches(/^\d{1,11}(\.\d{1,4})?$/)
  price!: string;
}
