import { Module } from '@nestjs/common';
import { WarehouseListener } from './warehouse.listener.js';

@Module({ providers: [WarehouseListener] })
export class WarehouseModule {}
