import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';
import { type PullMessageRequestHeader, RequestCode } from '../../lib/protocol/index.js';
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

  it('is asked for ahead of its handlers as long as more lies there; the last pull tells how far they have come', async () => {
    world = await World.start();
    const client = await world.client();
    const { consumer, seen } = await world.consume(client, { group: 'g', mode, pullBatchSize: 100 }, { topic: 't' });
    consumer.pause();
    await world.drive(
      Promise.all(Array.from({ length: MESSAGES }, () => client.producer.send(text('t', 'x', { shardingKey: 'k' })))),
    );
    const pulls: [from: number, committed: number, handled: number][] = [];
    world.intercept = ({ code, header }) => {
      const { topic, queueOffset, commitOffset } = header as PullMessageRequestHeader;
      if (code === RequestCode.PULL_MESSAGE && topic === 't' && queueOffset > 0)
        pulls.push([queueOffset, commitOffset, seen.length]);
      return undefined;
    };
    consumer.resume();
    await world.until(() => seen.length === MESSAGES && pulls.some(([from]) => from === MESSAGES));
    expect(pulls.slice(-3)).toEqual([
      [100, 0, 0],
      [200, 100, 100],
      [300, 300, 300],
    ]);
  });

  it('is handled without pauses when its handlers take no time', async () => {
    const turns = await turnsOf(0);
    expect(Math.max(...turns)).toBeGreaterThan(64);
  });
});
