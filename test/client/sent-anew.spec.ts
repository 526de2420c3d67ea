import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createResponse,
  ExtensionProperty,
  getProperty,
  RequestCode,
  ResponseCode,
  type SendMessageRequestHeader,
} from '../../lib/protocol/index.js';
import { ACK, bodies, retry, text, World } from './support.js';

describe('a failed message that has to be sent anew', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 2 }] });
  });
  afterEach(async () => {
    world.intercept = () => undefined;
    await world.stop();
  });

  it('has all its attempts when the broker can no longer read it, and its dead letter says where it came from', async () => {
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g', maxReconsumeTimes: 2 },
      { topic: 't', handle: () => retry() },
    );
    const dead = await world.consume(client, { group: 'u', from: 'earliest' }, { topic: '%DLQ%g' });
    const anew: string[] = [];
    world.intercept = ({ code, header }) => {
      if (code === RequestCode.SEND_MESSAGE_V2) anew.push((header as SendMessageRequestHeader).properties!);
      return code === RequestCode.CONSUMER_SEND_MSG_BACK
        ? Promise.resolve(createResponse(ResponseCode.SYSTEM_ERROR, {}, 'RECORD_INVALID: the record is gone'))
        : undefined;
    };
    const { queueId, queueOffset } = await world.drive(client.producer.send(text('t', 'x', { keys: ['k'] })));
    await world.until(() => dead.seen.length === 1, 3_600_000);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    for (const { message } of [...seen, ...dead.seen]) {
      expect(message).toMatchObject({ messageId: seen[0]!.message.messageId, keys: ['k'] });
      expect(message.text()).toBe('x');
    }
    const letter = dead.seen[0]!.message;
    expect(letter.systemProperty(ExtensionProperty.DLQ_TOPIC)).toBe('t');
    expect(letter.systemProperty(ExtensionProperty.DLQ_QUEUE_ID)).toBe(`${queueId}`);
    expect(letter.systemProperty(ExtensionProperty.DLQ_QUEUE_OFFSET)).toBe(`${queueOffset}`);
    expect(letter.systemProperty(ExtensionProperty.DLQ_FIRST_FAILED_AT)).toBe(`${seen[0]!.at}`);
    expect(letter.systemProperty(ExtensionProperty.DLQ_ATTEMPTS)).toBe('3');
    // What a broker makes of the rest is its own business; Apache keeps it.
    expect(getProperty(anew.at(-1)!, ExtensionProperty.DLQ_ERROR_CLASS)).toBe('Error');
    expect(getProperty(anew.at(-1)!, ExtensionProperty.DLQ_ERROR_MESSAGE)).toBe('not yet');
  });

  it('waits a minute when the broker refuses it for a reason of its own', async () => {
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', handle: ({ attempt }) => (attempt === 1 ? retry() : ACK) },
    );
    let sent = 0;
    world.intercept = (request) => {
      if (request.code !== RequestCode.CONSUMER_SEND_MSG_BACK) return undefined;
      sent++;
      return Promise.resolve(createResponse(ResponseCode.SYSTEM_ERROR, {}, 'no idea'));
    };
    await world.drive(client.producer.send(text('t', 'x')));
    await world.clock.advance(59_000);
    expect(sent).toBe(12);
    await world.until(() => seen.length === 2, 3_600_000);
    expect(sent).toBe(13);
    expect(seen[1]!.attempt).toBe(2);
  });

  it('has one attempt when it is rejected, with a reason as long as there is room for', async () => {
    const client = await world.client();
    await world.consume(
      client,
      { group: 'g' },
      { topic: 't', handle: () => ({ kind: 'dead-letter', error: new Error('x'.repeat(1000)) }) },
    );
    const dead = await world.consume(client, { group: 'u', from: 'earliest' }, { topic: '%DLQ%g' });
    world.intercept = ({ code }) =>
      code === RequestCode.CONSUMER_SEND_MSG_BACK
        ? Promise.resolve(createResponse(ResponseCode.SYSTEM_ERROR, {}, 'OFFSET_OUT_OF_RANGE: gone'))
        : undefined;
    await world.drive(client.producer.send(text('t', 'small')));
    await world.drive(client.producer.send(text('t', 'full', { properties: { p: 'y'.repeat(31_000) } })));
    await world.until(() => dead.seen.length === 2);
    expect(new Set(bodies(dead.seen))).toEqual(new Set(['small', 'full']));
  });
});
