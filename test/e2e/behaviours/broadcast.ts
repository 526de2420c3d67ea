import assert from 'node:assert/strict';
import { ConsumeMode } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf } from '../dead-letters.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const mode = ConsumeMode.BROADCAST;

export const broadcast = subject('broadcast', (it) => {
  it('every application hears every message', async (world) => {
    const one = recorder({ topic: 'prices', group: 'board', mode });
    const two = recorder({ topic: 'prices', group: 'board', mode });
    const { template } = await world.start(one, { options: { instance: 'one' } });
    await world.start(two, { options: { instance: 'two' } });
    for (let n = 0; n < 10; n++) await world.passing(template.syncSend('prices', n));
    await one.got(world, 10);
    await two.got(world, 10);
    assert.equal(new Set(one.payloads).size, 10);
    assert.equal(new Set(two.payloads).size, 10);
  });

  it('a failure is logged and not tried again', async (world) => {
    const board = recorder({ topic: 'prices', group: 'board', mode }, () => {
      throw new Error('screen is broken');
    });
    const { template } = await world.start(board);
    await world.passing(template.syncSend('prices', 'x'));
    await board.got(world, 1);
    await world.pass(60_000);
    assert.equal(board.deliveries.length, 1);
    assert.ok(world.log.some(({ text }) => text.includes('screen is broken')));
  });

  it('a failure makes no dead letter', async (world) => {
    const board = recorder({ topic: 'prices', group: 'board', mode }, () => {
      throw new Error('screen is broken');
    });
    const letters = deadLettersOf('board');
    const { template } = await world.start(board, letters);
    await world.passing(template.syncSend('prices', 'x'));
    await board.got(world, 1);
    await world.pass(60_000);
    assert.equal(letters.deliveries.length, 0);
  });

  it('filters by tag as the other modes do', async (world) => {
    const board = recorder({ topic: 'prices', tag: 'up', group: 'board', mode });
    const { template } = await world.start(board);
    await world.passing(template.syncSend('prices:down', 1));
    await world.passing(template.syncSend('prices:up', 2));
    await board.got(world, 1);
    await world.pass(5000);
    assert.deepEqual(board.payloads, [2]);
  });

  it('an instance that comes later hears what is sent from then on', async (world) => {
    const { template } = await world.start();
    await world.passing(template.syncSend('prices', 'before'));
    const board = recorder({ topic: 'prices', group: 'board', mode });
    await world.start(board, { options: { instance: 'one' } });
    await world.passing(template.syncSend('prices', 'after'));
    await board.got(world, 1);
    await world.pass(5000);
    assert.deepEqual(board.payloads, ['after']);
  });

  it('an instance goes on where it was, and hears what it missed', async (world) => {
    const options = { instance: 'one' };
    const first = recorder({ topic: 'prices', group: 'board', mode });
    const app = await world.start(first, { options });
    await world.passing(app.template.syncSend('prices', 'heard'));
    await first.got(world, 1);
    await app.close();
    const sender = await world.start({ application: 'sender' });
    await world.passing(sender.template.syncSend('prices', 'missed'));
    const second = recorder({ topic: 'prices', group: 'board', mode });
    await world.start(second, { options });
    await second.got(world, 1);
    await world.pass(5000);
    assert.deepEqual(second.payloads, ['missed']);
  });

  it('a failed message is behind the instance, and does not come back', async (world) => {
    const options = { instance: 'one' };
    const first = recorder({ topic: 'prices', group: 'board', mode }, () => {
      throw new Error('screen is broken');
    });
    const app = await world.start(first, { options });
    await world.passing(app.template.syncSend('prices', 'failed'));
    await first.got(world, 1);
    await app.close();
    const second = recorder({ topic: 'prices', group: 'board', mode });
    const again = await world.start(second, { options });
    await world.passing(again.template.syncSend('prices', 'next'));
    await second.got(world, 1);
    await world.pass(5000);
    assert.deepEqual(second.payloads, ['next']);
  });

  it.rows(
    'options that broadcasting cannot keep are refused at boot',
    ['backoff', 'maxReconsumeTimes'],
    async (world, name) => {
      const value = name === 'backoff' ? [10] : 3;
      await rejects(world.start(recorder({ topic: 'prices', mode, [name]: value })), 'CONFIGURATION', new RegExp(name));
    },
  );
});
