import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Idempotent,
  MemoryIdempotencyStore,
  MessageListener,
  MessagingModule,
  type RunningStore,
  type StoreHost,
} from '../../../lib/index.js';
import { MessagingTestKit } from '../../../lib/testing.js';

const kits: MessagingTestKit[] = [];
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

/** Says when it is started and stopped. */
class LivelyStore extends MemoryIdempotencyStore implements RunningStore {
  readonly life: string[] = [];
  host: StoreHost | undefined;
  stopping: Promise<void> = Promise.resolve();

  start(host: StoreHost): void {
    this.host = host;
    this.life.push('started');
  }

  async stop(): Promise<void> {
    this.life.push('stopped');
    await this.stopping;
  }
}

async function run(store: LivelyStore): Promise<{ kit: MessagingTestKit }> {
  @Injectable()
  class Mailer {
    @MessageListener({ topic: 'orders', group: 'mailer' })
    @Idempotent({ store })
    send(): void {}

    @MessageListener({ topic: 'orders', group: 'booker' })
    @Idempotent()
    book(): void {}
  }
  const kit = new MessagingTestKit();
  kits.push(kit);
  const module = MessagingModule.forRoot({ application: 'test', idempotency: { store } });
  await kit.start({ imports: [module], providers: [Mailer] });
  return { kit };
}

describe('a store with work of its own', () => {
  it('runs as long as the application, once for all listeners, on the time of the connection', async () => {
    const store = new LivelyStore();
    const { kit } = await run(store);
    expect(store.life).toEqual(['started']);
    expect(store.host!.clock.now()).toBe(kit.now().getTime());
    await kit.close();
    expect(store.life).toEqual(['started', 'stopped']);
  });

  it('keeps no application from closing', async () => {
    const store = new LivelyStore();
    store.stopping = new Promise(() => {});
    const { kit } = await run(store);
    await kit.close();
    expect(store.life).toEqual(['started', 'stopped']);
  });

  it('is not started where no listener uses it', async () => {
    const store = new LivelyStore();
    const kit = new MessagingTestKit();
    kits.push(kit);
    await kit.start({ imports: [MessagingModule.forRoot({ application: 'test', idempotency: { store } })] });
    expect(store.life).toEqual([]);
  });
});
