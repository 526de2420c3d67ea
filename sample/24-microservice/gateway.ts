import { Body, Controller, Get, HttpException, Inject, Module, Param, Post } from '@nestjs/common';
import { ClientProxy, ClientsModule, RpcException } from '@nestjs/microservices';
import { MessagingModule, MessagingTemplate } from 'nestmq';
import { EventPattern, MessagingClient, MessagingRecordBuilder } from 'nestmq/microservices';
import { catchError, lastValueFrom, type Observable, toArray } from 'rxjs';
import { say } from '../shared/say.js';

@Controller()
class GatewayController {
  constructor(@Inject('STOCK') private readonly stock: ClientProxy) {}

  @Get('stock/:article')
  count(@Param('article') article: string): Observable<number> {
    return this.stock.send<number>('stock:count', article).pipe(
      catchError((error: unknown) => {
        // The RpcException of the other service, with what it said.
        if (error instanceof RpcException) throw new HttpException(error.getError(), 404);
        throw error;
      }),
    );
  }

  @Get('stock/:article/moves')
  moves(@Param('article') article: string): Observable<number[]> {
    return this.stock.send<number>('stock:moves', article).pipe(toArray());
  }

  @Post('orders')
  async place(@Body() order: { id: number }): Promise<{ stored: boolean }> {
    const record = new MessagingRecordBuilder(order).setKeys(`order-${order.id}`).build();
    // Completes when the broker has the event safely.
    await lastValueFrom(this.stock.emit('orders:placed', record));
    return { stored: true };
  }

  @EventPattern('stock:low')
  onLow(article: string): void {
    say(`gateway: ${article} runs low`);
  }
}

/** Serves HTTP and handles events: a hybrid application. Its client sends through the connection of MessagingModule. */
export function gatewayModule(nameServer: string): new () => object {
  @Module({
    imports: [
      MessagingModule.forRoot({ application: 'gateway', nameServer }),
      ClientsModule.registerAsync([
        {
          name: 'STOCK',
          inject: [MessagingTemplate],
          useFactory: (template: MessagingTemplate) => ({ customClass: MessagingClient, options: { template } }),
        },
      ]),
    ],
    controllers: [GatewayController],
  })
  class GatewayModule {}
  return GatewayModule;
}
