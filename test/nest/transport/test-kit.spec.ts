import { Controller } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { MessagingModule, MessagingTemplate, RejectMessageError } from '../../../lib/index.js';
import { EventPattern, MessagingClient, MessagingContext, MessagingServer } from '../../../lib/microservices.js';
import { MessagingTestingModule, MessagingTestKit } from '../../../lib/testing.js';

const kits: MessagingTestKit[] = [];
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

@Controller()
class Orders {
  @EventPattern('orders:created', { backoff: [3_600_000] })
  onOrder(@Payload() order: { id: number }, @Ctx() { attempt }: MessagingContext): void {
    if (order.id < 0) throw new RejectMessageError('no such order');
    if (attempt === 1) throw new Error('in an hour');
  }
}

describe('a microservice under the test kit', () => {
  it.each([
    ['on the connection of MessagingModule', {}],
    ['on a connection of its own to the same broker', { nameServer: 'broker:9876', application: 'shop' }],
  ])('%s has its hour in no time, and is shown with the rest', async (_, options) => {
    const messaging = MessagingModule.forRoot({ application: 'shop', nameServer: 'broker:9876' });
    const metadata = { imports: [messaging], controllers: [Orders] };
    const builder = MessagingTestingModule.createTestingModule(metadata, { brokerOf: () => 'the broker' });
    const module = await builder.compile();
    const kit = module.get(MessagingTestKit);
    kits.push(kit);
    const service = module.createNestMicroservice<MicroserviceOptions>({
      strategy: new MessagingServer(options),
      logger: false,
    });
    await service.listen();
    const client = new MessagingClient({ template: service.get(MessagingTemplate) });
    await lastValueFrom(client.emit('orders:created', { id: 1 }));
    await lastValueFrom(client.emit('orders:created', { id: -1 }));
    await kit.advance('1h');
    await kit.settled();
    const seen = kit.consumed('orders', { group: 'shop' });
    expect(seen.map(({ listener, attempt, outcome }) => `${listener} ${attempt} ${outcome}`).toSorted()).toEqual([
      'orders:created 1 dead-lettered',
      'orders:created 1 retried',
      'orders:created 2 acknowledged',
    ]);
    expect(kit.deadLettered('shop')).toMatchObject([{ reason: 'no such order' }]);
    await service.close();
  });
});
