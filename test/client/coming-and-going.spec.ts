import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../lib/platform/index.js';
import { ConsumeMode, type MessagingClient, type PushConsumer } from '../../lib/client/index.js';
import { ACK, retry, text, World } from './support.js';

interface Handled {
  body: string;
  queueId: number;
}

interface Member {
  client: MessagingClient;
  consumer: PushConsumer;
}

/** A group whose members come and go by chance while keyed messages are sent; the same seed does the same. */
class Bustle {
  readonly handled: Handled[] = [];
  readonly members: Member[] = [];
  sent = 0;
  /** Times that two handlers were at work on one queue. */
  overlaps = 0;
  private readonly busy = new Set<number>();
  private producer!: MessagingClient;

  private constructor(
    readonly world: World,
    private readonly mode: ConsumeMode,
    private readonly random: SeededRandom,
    private readonly rough: boolean,
  ) {}

  static async run(seed: number, mode: ConsumeMode, rough: boolean): Promise<Bustle> {
    const world = await World.start({ topics: [{ name: 't', queues: 5 }] });
    const bustle = new Bustle(world, mode, new SeededRandom(seed), rough);
    bustle.producer = await world.client();
    await bustle.join();
    for (let step = 0; step < 20; step++) await bustle.step();
    await world.until(() => new Set(bustle.handled.map(({ body }) => body)).size === bustle.sent, 300_000);
    await world.clock.advance(90_000);
    await world.stop();
    return bustle;
  }

  private async step(): Promise<void> {
    const { world, random, members } = this;
    const what = random.below(this.rough ? 8 : 6);
    if (what === 0 && members.length < 5) await this.join();
    else if (what === 1 && members.length > 1) await world.drive(this.takeOne().consumer.stop(5000));
    else if (what === 6 && members.length > 1) world.vanish(this.takeOne().client);
    else if (what === 7) await world.disconnect(random.below(2) === 0 ? this.producer : members[0]!.client);
    else await this.send(5 + random.below(30));
    await world.clock.advance(random.below(700));
  }

  private takeOne(): Member {
    return this.members.splice(this.random.below(this.members.length), 1)[0]!;
  }

  private async send(count: number): Promise<void> {
    const sends = Array.from({ length: count }, () => {
      const number = this.sent++;
      return this.producer.producer.send(text('t', `k${number % 7}:${number}`, { shardingKey: `k${number % 7}` }));
    });
    await this.world.drive(Promise.all(sends));
  }

  private async join(): Promise<void> {
    const client = await this.world.client();
    const { consumer } = await this.world.consume(
      client,
      { group: 'g', mode: this.mode },
      {
        topic: 't',
        backoff: [20],
        handle: async (message) => {
          const { queueId } = message;
          this.handled.push({ body: message.text(), queueId });
          if (this.busy.has(queueId)) this.overlaps++;
          this.busy.add(queueId);
          await this.world.clock.sleep(this.random.below(60));
          this.busy.delete(queueId);
          return this.rough && this.random.below(12) === 0 ? retry() : ACK;
        },
      },
    );
    this.members.push({ client, consumer });
  }

  /** Messages that came after a later one of their key. */
  get disorder(): number {
    const last = new Map<string, number>();
    let disorder = 0;
    for (const { body } of this.handled) {
      const [key, number] = body.split(':') as [string, string];
      if ((last.get(key) ?? -1) > Number(number)) disorder++;
      last.set(key, Number(number));
    }
    return disorder;
  }
}

describe('a group whose members come and go', () => {
  it.each([1, 2, 3])(
    'handles every message once, in the order of its key where it is orderly (seed %i)',
    async (seed) => {
      const concurrent = await Bustle.run(seed, ConsumeMode.CONCURRENT, false);
      expect(concurrent.handled).toHaveLength(concurrent.sent);
      const orderly = await Bustle.run(seed, ConsumeMode.ORDERLY, false);
      expect(orderly.handled).toHaveLength(orderly.sent);
      expect(orderly).toMatchObject({ overlaps: 0, disorder: 0 });
    },
  );

  it.each([11, 12, 13])(
    'loses nothing when members vanish, connections break and handlers fail (seed %i)',
    async (seed) => {
      for (const mode of [ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY]) {
        const { handled, sent } = await Bustle.run(seed, mode, true);
        expect(new Set(handled.map(({ body }) => body)).size).toBe(sent);
      }
    },
  );
});
