import { Injectable, type Type } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MessageListener, MessagingModule } from '../../lib/index.js';
import { MessagingTestingModule, type MessagingTestKit } from '../../lib/testing.js';

let kit: MessagingTestKit;
afterEach(() => kit.close());

async function start(...providers: Type[]): Promise<void> {
  kit = await MessagingTestingModule.create({
    imports: [MessagingModule.forRoot({ application: 'test' })],
    providers,
  });
}

describe('rateLimit', () => {
  it('spaces the messages of a listener', async () => {
    const at: number[] = [];
    @Injectable()
    class Slow {
      @MessageListener({ topic: 'x', rateLimit: { limit: 2, interval: '1m' } })
      handle(): void {
        at.push(kit.now().getTime());
      }
    }
    await start(Slow);
    await kit.template().batch('x', [1, 2, 3, 4]);
    await kit.advance('5m');
    expect(at.slice(1).map((time, index) => time - at[index]!)).toEqual([30_000, 30_000, 30_000]);
  });
});
