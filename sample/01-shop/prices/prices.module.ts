import { Module } from '@nestjs/common';
import { PriceBoard } from './price-board.js';
import { PricesController } from './prices.controller.js';

@Module({ controllers: [PricesController], providers: [PriceBoard], exports: [PriceBoard] })
export class PricesModule {}
