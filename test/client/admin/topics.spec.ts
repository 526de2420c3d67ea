import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MessagingClient } from '../../../lib/client/index.js';
import { text, World } from '../support.js';

describe('admin.topics', () => {
  let world: World;
  let client: MessagingClient;
  beforeEach(async () => {
    world = await World.start();
    client = await world.client();
  });
  afterEach(() => world.stop());

  it('makes, lists and deletes topics', async () => {
    const { topics } = client.admin;
    expect(await topics.list()).toEqual([]);
    await topics.create('orders', 2);
    await topics.create('bills');
    expect(await topics.list()).toEqual(['bills', 'orders']);
    expect(await topics.list({ all: true })).toContain('TRANS_CHECK_MAX_TIME_TOPIC');
    expect((await topics.stats('bills')).queues).toHaveLength(4);
    await topics.delete('bills');
    await topics.delete('bills');
    expect(await topics.list()).toEqual(['orders']);
  });

  it('says what the queues of a topic hold', async () => {
    await client.admin.topics.create('t', 1);
    const at = world.clock.now();
    await world.drive(client.producer.send(text('t', 'a')));
    await world.drive(client.producer.send(text('t', 'b')));
    expect(await client.admin.topics.stats('t')).toEqual({
      topic: 't',
      queues: [{ brokerName: 'nestmq', queueId: 0, minOffset: 0, maxOffset: 2, lastStoredAt: new Date(at) }],
      messages: 2,
      orderedQueues: 1,
      writable: true,
    });
  });

  it('leaves a topic that exists as it is, and refuses to make it another', async () => {
    const { topics } = client.admin;
    await topics.create('t', 2);
    await topics.create('t', 2);
    await topics.create('t');
    await expect(topics.create('t', 3)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect((await topics.stats('t')).queues).toHaveLength(2);
  });

  it('closes a topic to senders or readers, and opens it again, with the queues that it has', async () => {
    const { topics } = client.admin;
    await topics.create('t', 3);
    await world.drive(client.producer.send(text('t', 'a')));
    await topics.setAccess('t', 'read');
    expect(await topics.stats('t')).toMatchObject({ writable: false, messages: 1 });
    await expect(world.drive(client.producer.send(text('t', 'b'), { retries: 0 }))).rejects.toThrow();
    await topics.setAccess('t', 'write');
    expect((await topics.stats('t')).queues).toHaveLength(3);
    expect(await topics.stats('t')).toMatchObject({ writable: true });
    await topics.setAccess('t', 'read-write');
    await world.drive(client.producer.send(text('t', 'c')));
    expect(await topics.stats('t')).toMatchObject({ messages: 2 });
    await expect(topics.setAccess('t', 'neither' as never)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(topics.setAccess('nowhere', 'read')).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
  });

  it.each([
    ['a name that is none', () => client.admin.topics.create('no spaces'), 'NAME_INVALID'],
    ['a topic of the broker', () => client.admin.topics.create('SCHEDULE_TOPIC_XXXX', 20), 'BAD_ARGUMENT'],
    ['no queues', () => client.admin.topics.create('t', 0), 'BAD_ARGUMENT'],
    ['half a queue', () => client.admin.topics.create('t', 1.5), 'BAD_ARGUMENT'],
    ['figures of a topic that is not there', () => client.admin.topics.stats('nowhere'), 'TOPIC_NOT_FOUND'],
    ['deleting what is the broker’s', () => client.admin.topics.delete('TRANS_CHECK_MAX_TIME_TOPIC'), 'NAME_INVALID'],
  ])('refuses %s', async (_, ask, code) => {
    await expect(ask()).rejects.toMatchObject({ code });
  });

  it('works for a client that has done nothing else, and not after the shutdown', async () => {
    const other = await world.client();
    await other.admin.topics.create('t', 1);
    await world.drive(other.shutdown(0));
    await expect(other.admin.topics.list()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
