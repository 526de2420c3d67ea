import { Module } from '@nestjs/common';
import { QuotesModule } from '../quotes/quotes.module.js';
import { ShopSettings } from '../settings.js';
import { OrderBook } from './order-book.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { PlaceOrder } from './place-order.transaction.js';

@Module({
  imports: [QuotesModule],
  controllers: [OrdersController],
  providers: [
    {
      provide: OrderBook,
      inject: [ShopSettings],
      useFactory: (settings: ShopSettings) => OrderBook.open(settings.path('orders.log')),
    },
    PlaceOrder,
    OrdersService,
  ],
  exports: [OrdersService, OrderBook],
})
export class OrdersModule {}
