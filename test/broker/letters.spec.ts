import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ExtensionCode } from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

describe('marks of dead letters', () => {
  let world: TestBroker;
  let client: TestClient;
  beforeEach(async () => {
    world = await TestBroker.start();
    client = world.client();
    await world.broker.topics.ensureDeadLetterTopic('g');
    for (let at = 0; at < 5; at++) await client.sent('%DLQ%g', `m${at}`);
  });
  afterEach(() => world.stop());

  const mark = (body: unknown, header: object = {}) =>
    client.invoke(
      ExtensionCode.MARK_DEAD_LETTERS,
      { consumerGroup: 'g', queueId: 0, state: 1, ...header },
      body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
    );
  const states = (header: object = {}) =>
    client.invoke(ExtensionCode.DEAD_LETTER_STATES, {
      consumerGroup: 'g',
      queueId: 0,
      queueOffset: 0,
      count: 6,
      ...header,
    });

  it('are kept, changed and taken away', async () => {
    expect((await mark([0, 2])).code).toBe(0);
    expect((await mark([2, 4], { state: 2 })).code).toBe(0);
    expect([...(await states()).body!]).toEqual([1, 0, 2, 0, 2, 0]);
    await mark([0], { state: 0 });
    expect([...(await states({ queueOffset: 0, count: 1 })).body!]).toEqual([0]);
  });

  it('do not pass to a topic made anew', async () => {
    await mark([0, 1]);
    await world.broker.topics.delete('%DLQ%g');
    expect((await states()).code).toBe(17);
    await world.broker.topics.ensureDeadLetterTopic('g');
    for (let at = 0; at < 2; at++) await client.sent('%DLQ%g', `n${at}`);
    expect([...(await states({ count: 2 })).body!]).toEqual([0, 0]);
  });

  it.each<[string, unknown, object, RegExp]>([
    ['nothing', undefined, {}, /BAD_ARGUMENT/],
    ['no array', { 0: 1 }, {}, /BAD_ARGUMENT/],
    ['what is no offset', [0, -1], {}, /BAD_ARGUMENT/],
    ['half an offset', [0.5], {}, /BAD_ARGUMENT/],
    ['too many', Array.from({ length: 20_000 }, () => 0), {}, /BAD_ARGUMENT/],
    ['a letter that is not there', [5], {}, /OFFSET_OUT_OF_RANGE/],
    ['a state that is none', [0], { state: 3 }, /BAD_ARGUMENT/],
    ['a queue that is none', [0], { queueId: 1 }, /BAD_ARGUMENT/],
    ['a group without letters', [0], { consumerGroup: 'h' }, /TOPIC_NOT_FOUND/],
  ])('are refused for %s', async (_, body, header, remark) => {
    expect((await mark(body, header)).remark).toMatch(remark);
    expect([...(await states()).body!]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it.each([
    ['a negative offset', { queueOffset: -1 }],
    ['a negative number', { count: -1 }],
    ['more than an answer should hold', { count: 1_000_000 }],
  ])('are not told for %s', async (_, header) => {
    expect((await states(header)).remark).toMatch(/BAD_ARGUMENT/);
  });
});
