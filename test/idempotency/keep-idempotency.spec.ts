import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MessagingError } from '../../lib/protocol/index.js';
import type { MessagingClient, ReceivedMessage, ResendOptions } from '../../lib/client/index.js';
import { againProperties, keptIdempotency } from '../../lib/client/producer/sent-again.js';
import { idempotencyKey } from '../../lib/idempotency/idempotency-key.js';
import { retryProperties } from '../../lib/protocol/dead-letters.js';
import { decodeProperties, ExtensionProperty, getProperty, PropertyName } from '../../lib/protocol/index.js';
import { ACK, retry, text, World } from '../client/support.js';

const SCOPE = { group: 'billing', instance: undefined };

/** What a store would know the message by. */
function keyOf(message: ReceivedMessage): string {
  return idempotencyKey(message, 'id', SCOPE);
}

describe('the key of what is sent again', () => {
  let world: World;
  let client: MessagingClient;
  let broken: boolean;
  let messages: ReceivedMessage[];

  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 'orders', queues: 1 }] });
    client = await world.client();
    broken = true;
    messages = [];
    await world.consume(
      client,
      { group: 'billing', maxReconsumeTimes: 1 },
      {
        topic: 'orders',
        backoff: [10],
        handle: (message) => {
          messages.push(message);
          return broken ? retry() : ACK;
        },
      },
    );
  });
  afterEach(() => world.stop());

  const send = (): Promise<unknown> => world.drive(client.producer.send(text('orders', 'x')));
  const until = (count: number): Promise<void> => world.until(() => messages.length === count);
  const givenUp = (count: number): Promise<void> => world.until(() => client.counters.deadLettered === count);

  async function resend(place: number, options: ResendOptions): Promise<void> {
    const [outcome] = await world.drive(
      client.admin.deadLetters.resend('billing', `nestmq:0:${place}`, { again: true, ...options }),
    );
    expect(outcome).toMatchObject({ result: 'resent' });
  }

  it('is another one for a resend, the same for that resend repeated, and that of the message with keepIdempotency', async () => {
    await send();
    await givenUp(1);
    broken = false;
    await resend(0, {});
    await resend(0, { keepIdempotency: false });
    await resend(0, { keepIdempotency: true });
    await until(5);
    const [first, retried, again, repeated, kept] = messages.map(keyOf);
    expect([retried, kept]).toEqual([first, first]);
    expect(repeated).toBe(again);
    expect(again).not.toBe(first);
    expect(messages.map(({ keepIdempotency }) => keepIdempotency)).toEqual([false, false, false, false, true]);
    expect(new Set(messages.map(({ originId }) => originId)).size).toBe(1);
    expect(Object.keys(messages[4]!.properties)).toEqual([]);
  });

  it('stays with the copy through its retries', async () => {
    await send();
    await givenUp(1);
    await resend(0, { keepIdempotency: true });
    await until(4);
    expect(messages[3]!).toMatchObject({ attempt: 2, keepIdempotency: true });
    expect(new Set(messages.map(keyOf)).size).toBe(1);
  });

  it('is the same for many that are resent at once', async () => {
    for (let n = 0; n < 3; n++) await send();
    await givenUp(3);
    broken = false;
    await world.drive(client.admin.deadLetters.resendAll('billing', {}, { keepIdempotency: true }));
    await until(9);
    expect(new Set(messages.map(keyOf)).size).toBe(3);
  });

  it('is another one for a replay, and that of the message with keepIdempotency', async () => {
    broken = false;
    await send();
    await until(1);
    const replay = (keepIdempotency: boolean, id: string) =>
      world.drive(client.admin.backlog.replay({ topic: 'orders' }, { group: 'billing' }, { keepIdempotency, id }));
    await replay(false, 'one');
    await replay(false, 'one');
    await replay(false, 'two');
    await replay(true, 'three');
    await until(5);
    const [first, one, repeated, two, kept] = messages.map(keyOf);
    expect(kept).toBe(first);
    expect(repeated).toBe(one);
    expect(new Set([first, one, two]).size).toBe(3);
  });

  it('is that of the copy, not of the first message, when a copy that was to be handled anew is resent', async () => {
    broken = false;
    await send();
    await until(1);
    broken = true;
    await world.drive(client.admin.backlog.replay({ topic: 'orders' }, { group: 'billing' }, { id: 'anew' }));
    await givenUp(1);
    broken = false;
    await resend(0, { keepIdempotency: true });
    await until(4);
    const [first, replayed, retried, resent] = messages.map(keyOf);
    expect(resent).toBe(replayed);
    expect(retried).toBe(replayed);
    expect(resent).not.toBe(first);
  });

  it('refuses what is neither true nor false', async () => {
    const { deadLetters, backlog } = client.admin;
    const wrong = { keepIdempotency: 'yes' } as never;
    await expect(deadLetters.resend('billing', 'nestmq:0:0', wrong)).rejects.toThrow(MessagingError);
    await expect(backlog.replay({ topic: 'orders' }, { group: 'billing' }, wrong)).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
    });
  });
});

describe('the properties of what is sent again', () => {
  const stored = (entries: Record<string, string>): string =>
    againProperties('', 'x', Object.entries(entries)).replace(/NESTMQ_ORIGIN_ID\u0001x\u0002?/, '');

  it('name the message that was sent at first, also when its sender gave it no id', () => {
    const { ORIGIN_ID } = ExtensionProperty;
    const { UNIQUE_KEY, ORIGIN_MESSAGE_ID } = PropertyName;
    const originOf = (entries: Record<string, string>): string | undefined =>
      getProperty(againProperties(stored(entries), 'stored', []), ORIGIN_ID);
    expect(originOf({ [UNIQUE_KEY]: 'u', [ORIGIN_MESSAGE_ID]: 'o' })).toBe('u');
    expect(originOf({ [ORIGIN_MESSAGE_ID]: 'o' })).toBe('o');
    expect(originOf({})).toBe('stored');
    expect(originOf({ [ORIGIN_ID]: 'first', [UNIQUE_KEY]: 'u' })).toBe('first');
  });

  it('keep the mark through a retry that the client sends to Apache’s broker itself', () => {
    const [name, value] = keptIdempotency(stored({ [ExtensionProperty.RESENT]: 'g:m:1' }));
    expect(value).toBe('g:m:1');
    const properties = decodeProperties(stored({ [name]: value }));
    const origin = { topic: 't', queueId: 0, queueOffset: 0, messageId: 'm', firstFailedAt: 1 } as never;
    expect(getProperty(retryProperties(properties, origin), ExtensionProperty.KEEP_IDEMPOTENCY)).toBe('g:m:1');
  });
});
