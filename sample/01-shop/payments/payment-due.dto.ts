import { IsString } from 'class-validator';

export class PaymentDueDto {
  @IsString()
  day!: string;

  @IsString()
  invoice!: string;
}
