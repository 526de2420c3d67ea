import { Controller, Inject, Module } from '@nestjs/common';
import { ClientProxy, ClientsModule, Ctx, Payload, RpcException } from '@nestjs/microservices';
import { EventPattern, MessagePattern, MessagingClient, MessagingContext } from 'nestmq/microservices';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { said, say } from '../shared/say.js';

interface Order {
  id: number;
  article: string;
  pieces: number;
}

@Controller()
class StockController {
  private readonly moves = new Map([['lantern', [5, -2]]]);

  constructor(@Inject('EVENTS') private readonly events: ClientProxy) {}

  /** What it returns is the answer; what it throws, its requester gets. */
  @MessagePattern('stock:count')
  count(article: string): number {
    return this.movesOf(article).reduce((sum, pieces) => sum + pieces, 0);
  }

  /** Every value of the Observable reaches the requester. */
  @MessagePattern('stock:moves')
  list(article: string): Observable<number> {
    return from(this.movesOf(article));
  }

  /** Acknowledged when it has settled; when it fails it is tried again. */
  @EventPattern('orders:placed', { backoff: [50] })
  async onOrder(@Payload() order: Order, @Ctx() { attempt }: MessagingContext): Promise<void> {
    if (attempt === 1) throw new Error('the shelf is locked');
    await said(4); // The customer has his answer first, so that the lines come in order.
    this.movesOf(order.article).push(-order.pieces);
    say(`stock: order ${order.id}, ${order.pieces} of ${order.article}, attempt ${attempt}`);
    await lastValueFrom(this.events.emit('stock:low', order.article));
  }

  private movesOf(article: string): number[] {
    const moves = this.moves.get(article);
    if (moves === undefined) throw new RpcException({ code: 'UNKNOWN_ARTICLE', article });
    return moves;
  }
}

/** A service without a port of its own: all that reaches it are messages. */
export function stockModule(nameServer: string): new () => object {
  @Module({
    imports: [
      ClientsModule.register([
        { name: 'EVENTS', customClass: MessagingClient, options: { application: 'stock', nameServer } },
      ]),
    ],
    controllers: [StockController],
  })
  class StockModule {}
  return StockModule;
}
