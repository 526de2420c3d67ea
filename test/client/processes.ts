import { SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import {
  ConsumeMode,
  type ClientCounters,
  type ListenerBinding,
  type PushConsumer,
  type Settlement,
} from '../../lib/client/index.js';
import { ACK, text, World, type Seen } from './support.js';

const SETTINGS = {
  memory: false,
  store: '/store',
  topics: [{ name: 't', queues: 2 }],
};

/** What one process has done until it ended. */
export interface Life {
  world: World;
  consumer: PushConsumer;
  counters: ClientCounters;
  bodies: string[];
  /** The largest number of handlers of the group at the same time. */
  atOnce: number;
  /** Set when a handler has ended the process. */
  died: boolean;
}

/** Processes over one disk, one after another; a message that begins with `kill` ends the one that handles it. */
export class Processes {
  readonly all: Life[] = [];
  private disk = new SimulatedFileSystem();
  private sent = 0;

  constructor(
    private readonly mode = ConsumeMode.CONCURRENT,
    private readonly handle: (body: string, life: Life) => Promise<Settlement> | Settlement = () => ACK,
    private readonly binding: Partial<ListenerBinding> = {},
  ) {}

  get last(): Life {
    return this.all.at(-1)!;
  }

  /** A process that only sends, and ends in order. */
  async send(...bodies: string[]): Promise<void> {
    const world = await World.start(SETTINGS, this.disk);
    const client = await world.client();
    for (const body of bodies) {
      await world.drive(client.producer.send(text('t', body, { shardingKey: body.includes('other') ? 'b' : 'a' })));
    }
    await world.stop();
    this.sent += bodies.length;
  }

  async start(prepare: (world: World) => void = () => {}): Promise<Life> {
    const world = await World.start(SETTINGS, this.disk);
    prepare(world);
    const client = await world.client({ instance: 'one', localOffsets: '/positions' });
    const life = { world, counters: client.counters, bodies: [] as string[], atOnce: 0, died: false } as Life;
    this.all.push(life);
    let now = 0;
    const { consumer } = await world.consume(
      client,
      { group: 'g', from: 'earliest', mode: this.mode },
      {
        topic: 't',
        ...this.binding,
        handle: async (message) => {
          if (life.died) return new Promise(() => {});
          const body = message.text();
          life.bodies.push(body);
          life.atOnce = Math.max(life.atOnce, ++now);
          // Long enough that others of its queue are in their handlers at the same time.
          await world.clock.sleep(5);
          if (life.died) return new Promise(() => {});
          if (body.startsWith('kill')) {
            // What is written outlives a process, synced or not.
            this.disk = this.disk.crashImage('all', new SeededRandom(1));
            life.died = true;
            return new Promise(() => {});
          }
          const settlement = await this.handle(body, life);
          now--;
          return settlement;
        },
      },
    );
    life.consumer = consumer;
    return life;
  }

  /** Starts processes until one does not die, and lets that one come to rest. */
  async run(): Promise<void> {
    for (let starts = 0; starts < 12; starts++) {
      const life = await this.start();
      await life.world.until(() => life.died || positions(life) === this.sent, 600_000);
      if (!life.died) return;
    }
    throw new Error('it dies and dies');
  }

  get deaths(): number {
    return this.all.filter(({ died }) => died).length;
  }

  get handled(): Set<string> {
    return new Set(this.all.flatMap(({ bodies }) => bodies));
  }

  async deadLetters(): Promise<Seen[]> {
    const { world } = this.last;
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'u', from: 'earliest' }, { topic: '%DLQ%g' });
    await world.clock.advance(10_000);
    return seen;
  }
}

/** How many messages of the topic are settled. */
export function positions({ consumer }: Life): number {
  return consumer
    .state()
    .queues.filter(({ topic }) => topic === 't')
    .reduce((sum, { committedOffset }) => sum + committedOffset, 0);
}

export function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${name} ${n}`);
}
