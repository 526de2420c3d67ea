import type { MessagingClient, OutgoingMessage } from '../../../lib/client/index.js';
import { type Seen, text, type World } from '../support.js';

/** A group that gives up every message for as long as `broken` is set. */
export class Failing {
  broken = true;
  client!: MessagingClient;
  seen!: Seen[];

  constructor(readonly world: World) {}

  async start(group = 'billing', topic = 'orders'): Promise<this> {
    this.client = await this.world.client();
    const handle = (message: { tag: string | undefined }) => {
      if (!this.broken) return { kind: 'acknowledge' } as const;
      const error = message.tag === 'typo' ? new TypeError('no such field') : new RangeError('too much');
      return { kind: 'dead-letter', error } as const;
    };
    ({ seen: this.seen } = await this.world.consume(this.client, { group }, { topic, handle }));
    return this;
  }

  async send(message: OutgoingMessage): Promise<void> {
    await this.world.drive(this.client.producer.send(message));
  }

  /** Gives up so many messages, numbered, and returns when all are dead letters. */
  async giveUp(count: number, from = 0): Promise<void> {
    const before = this.client.counters.deadLettered;
    for (let at = 0; at < count; at += 200) {
      const batch = Array.from({ length: Math.min(200, count - at) }, (_, index) =>
        text('orders', `m${from + at + index}`, { keys: [`k${from + at + index}`] }),
      );
      await this.world.drive(this.client.producer.sendBatch(batch));
    }
    await this.world.until(() => this.client.counters.deadLettered === before + count, 600_000);
  }
}
