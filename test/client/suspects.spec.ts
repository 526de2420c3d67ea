import { describe, expect, it } from '@jest/globals';
import {
  createResponse,
  ExtensionCode,
  ExtensionProperty,
  ResponseCode,
  type HandleAloneRequestHeader,
} from '../../lib/protocol/index.js';
import { ConsumeMode } from '../../lib/client/index.js';
import { numbered, positions, Processes, type Life } from './processes.js';
import { ACK, gate, retry, text, type World } from './support.js';

describe('a message that kills the process', () => {
  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])(
    'is found among its neighbours and becomes a dead letter, and no other message does (%s)',
    async (mode) => {
      const processes = new Processes(mode);
      const good = [...numbered('before', 7), ...numbered('behind', 40), ...numbered('other', 20)];
      await processes.send(...good.slice(0, 7), 'kill', ...good.slice(7));
      await processes.run();
      // Three times to suspect it, and once more to see which one it is.
      expect(processes.deaths).toBe(4);
      expect(processes.all[3]!.atOnce).toBe(1);
      expect(processes.handled).toEqual(new Set([...good, 'kill']));
      expect(processes.last.bodies).not.toContain('kill');
      const dead = await processes.deadLetters();
      expect(dead.map(({ body }) => body)).toEqual(['kill']);
      expect(dead[0]!.message.systemProperty(ExtensionProperty.DLQ_ERROR_CLASS)).toBe('process-killer');
      expect(dead[0]!.message.systemProperty(ExtensionProperty.DLQ_ERROR_MESSAGE)).toMatch(/died 4 times/);
      expect(processes.last.counters).toMatchObject({ processKillers: 1, deadLettered: 1 });
      await processes.last.world.stop();
    },
  );

  it('is skipped by a broadcast instance that remembers its positions, which has no dead letters', async () => {
    const processes = new Processes(ConsumeMode.BROADCAST);
    const good = [...numbered('before', 7), ...numbered('behind', 40), ...numbered('other', 20)];
    await processes.send(...good.slice(0, 7), 'kill 1', ...good.slice(7, 30), 'kill 2', ...good.slice(30));
    await processes.run();
    expect(processes.deaths).toBe(5);
    expect(processes.all[3]!.atOnce).toBe(1);
    for (const body of good) expect(processes.handled).toContain(body);
    const { world, counters } = processes.last;
    expect(counters).toMatchObject({ processKillers: 1, failed: 1, deadLettered: 0 });
    expect(world.warnings.some((line) => line.includes('has died 5 times'))).toBe(true);
    await world.stop();
    const after = await processes.start();
    await after.world.clock.advance(60_000);
    expect(after.bodies).toEqual([]);
    await after.world.stop();
  });

  it('is not the only one: each is found in its turn, in whatever queue it is', async () => {
    const processes = new Processes();
    const good = [...numbered('first', 5), ...numbered('second', 5), ...numbered('other', 5)];
    await processes.send(
      ...good.slice(0, 5),
      'kill 1',
      ...good.slice(5, 10),
      'kill 2',
      'kill other',
      ...good.slice(10),
    );
    await processes.run();
    expect((await processes.deadLetters()).map(({ body }) => body).toSorted()).toEqual([
      'kill 1',
      'kill 2',
      'kill other',
    ]);
    expect(processes.deaths).toBe(6);
    for (const body of good) expect(processes.handled).toContain(body);
    await processes.last.world.stop();
  });
});

describe('suspects', () => {
  /** Three deaths have made everything in the topic a suspect; the next process does not meet the killer any more. */
  async function suspected(processes: Processes, prepare?: (world: World) => void, ...more: string[]): Promise<Life> {
    await processes.send('kill', ...numbered('suspect', 4), ...more);
    for (let n = 0; n < 4; n++) {
      const life = await processes.start();
      await life.world.until(() => life.died);
    }
    return processes.start(prepare);
  }

  it('are handled one after the other, what comes later at full concurrency again', async () => {
    const processes = new Processes();
    const life = await suspected(processes);
    await life.world.until(() => positions(life) === 5);
    expect(life.bodies).toEqual(numbered('suspect', 4));
    expect(life.atOnce).toBe(1);
    const { producer } = await life.world.client();
    await life.world.drive(
      producer.sendBatch(numbered('late', 30).map((body) => text('t', body, { shardingKey: 'a' }))),
    );
    await life.world.until(() => positions(life) === 35);
    expect(life.atOnce).toBe(16);
    await life.world.stop();
  });

  it('have the whole client to themselves, unless they hang', async () => {
    const hanging = gate();
    const processes = new Processes(ConsumeMode.CONCURRENT, async (body, { world }) => {
      if (body === 'suspect 1') await world.clock.sleep(2000);
      if (body === 'suspect 2') await hanging.opened;
      return ACK;
    });
    const life = await suspected(processes);
    const { world, bodies } = life;
    const { producer } = await world.client();
    const sendFree = (body: string) => world.drive(producer.send(text('t', body, { shardingKey: 'b' })));
    await world.until(() => bodies.includes('suspect 1'));
    await sendFree('free');
    const before = world.clock.monotonic();
    await world.until(() => bodies.includes('free'));
    expect(world.clock.monotonic() - before).toBeGreaterThan(1900);
    await world.until(() => bodies.includes('suspect 2'));
    await sendFree('free again');
    await world.until(() => bodies.includes('free again'), 7000);
    await world.clock.advance(60_000);
    expect(bodies).not.toContain('suspect 3');
    hanging.open();
    await world.until(() => bodies.includes('suspect 3'));
    await world.stop();
  });

  it('are announced before and after, and only when the broker asks for it', async () => {
    const told: string[] = [];
    const listen = (world: World): void => {
      told.length = 0;
      world.intercept = ({ code, header }) => {
        if (code !== ExtensionCode.HANDLE_ALONE) return undefined;
        const { topic, queueOffset, done } = header as HandleAloneRequestHeader;
        told.push(`${done === true ? 'done' : 'begin'} ${topic} ${queueOffset}`);
        return undefined;
      };
    };
    const processes = new Processes(ConsumeMode.CONCURRENT, (body) => {
      told.push(body);
      return ACK;
    });
    await processes.send('good');
    const innocent = await processes.start(listen);
    await innocent.world.until(() => positions(innocent) === 1);
    await innocent.world.stop();
    expect(told).toEqual(['good']);
    const life = await suspected(processes, listen);
    await life.world.until(() => positions(life) === 6);
    await life.world.clock.advance(10);
    expect(told).toEqual(numbered('suspect', 4).flatMap((body, n) => [`begin t ${n + 2}`, body, `done t ${n + 2}`]));
    await life.world.stop();
  });

  it('that fail are tried again like other messages', async () => {
    const failed = new Set<string>();
    const processes = new Processes(
      ConsumeMode.CONCURRENT,
      (body, { bodies }) => {
        if (processes.deaths < 4 || failed.has(body) || bodies.length > 4) return ACK;
        failed.add(body);
        return retry();
      },
      { backoff: [100] },
    );
    const life = await suspected(processes);
    await life.world.until(() => life.bodies.length === 8);
    expect(life.bodies.toSorted()).toEqual([...numbered('suspect', 4), ...numbered('suspect', 4)].toSorted());
    expect(life.counters.retried).toBe(4);
    await life.world.stop();
  });

  it.each([
    ['a broker that suspects nothing', ResponseCode.REQUEST_CODE_NOT_SUPPORTED, 'no such request', Infinity],
    ['another suspect of the process in a handler', ResponseCode.SYSTEM_BUSY, 'BROKER_BUSY: another one', 7],
    ['a broker that cannot write it down', ResponseCode.SYSTEM_ERROR, 'BROKER_ERROR: the disk', Infinity],
  ])('are handled in the end in spite of %s', async (_why, code, remark, times) => {
    let left = times;
    const processes = new Processes();
    const life = await suspected(processes, (world) => {
      world.intercept = ({ code: request }) =>
        request === ExtensionCode.HANDLE_ALONE && left-- > 0
          ? Promise.resolve(createResponse(code, {}, remark))
          : undefined;
    });
    await life.world.until(() => positions(life) === 5);
    expect(life.bodies).toEqual(numbered('suspect', 4));
    expect(life.atOnce).toBe(1);
    await life.world.stop();
  });

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])(
    'wait while their listener is paused, and keep nobody from stopping (%s)',
    async (mode) => {
      const hanging = gate();
      const processes = new Processes(mode, async (body) => {
        if (body === 'suspect 1' && processes.deaths === 4) await hanging.opened;
        return ACK;
      });
      const life = await suspected(processes, undefined, ...numbered('other', 3));
      const { world, consumer, bodies } = life;
      await world.until(() => bodies.length > 0);
      consumer.pause('listener-0');
      await world.clock.advance(60_000);
      expect(bodies.length).toBeLessThan(3);
      consumer.resume('listener-0');
      await world.until(() => bodies.includes('suspect 1'));
      await world.clock.advance(60_000);
      const before = world.clock.monotonic();
      await world.drive(consumer.stop(2000));
      expect(world.clock.monotonic() - before).toBeLessThan(3000);
      hanging.open();
      await world.clock.advance(60_000);
      expect(bodies.at(-1)).toBe('suspect 1');
      await world.stop();
    },
  );
});
