import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';
import { ACK, text, World } from './support.js';

const MESSAGES = 300;

describe.each([[ConsumeMode.CONCURRENT], [ConsumeMode.ORDERLY]])('a backlog of a %s group', (mode) => {
  let world: World;
  afterEach(() => world.stop());

  /** How many handlers were called in each turn of the event loop. */
  async function turnsOf(millisPerHandler: number): Promise<number[]> {
    world = await World.start();
    const client = await world.client();
    const { clock } = world;
    const standing = clock.monotonic.bind(clock);
    let spent = 0;
    clock.monotonic = () => standing() + spent;
    const turns: number[] = [];
    let over: NodeJS.Immediate | undefined;
    const handle = (): typeof ACK => {
      spent += millisPerHandler;
      if (over === undefined) {
        turns.push(0);
        over = setImmediate(() => (over = undefined));
      }
      turns[turns.length - 1]!++;
      return ACK;
    };
    const { consumer } = await world.consume(client, { group: 'g', mode }, { topic: 't', handle });
    consumer.pause();
    await world.drive(
      Promise.all(Array.from({ length: MESSAGES }, () => client.producer.send(text('t', 'x', { shardingKey: 'k' })))),
    );
    consumer.resume();
    await world.until(() => turns.reduce((sum, count) => sum + count, 0) === MESSAGES);
    return turns;
  }

  it('lets others have the event loop when its handlers take their time without a promise', async () => {
    const turns = await turnsOf(1);
    expect(Math.max(...turns)).toBeLessThanOrEqual(64);
  });

  it('is handled without pauses when its handlers take no time', async () => {
    const turns = await turnsOf(0);
    expect(Math.max(...turns)).toBeGreaterThan(64);
  });
});
