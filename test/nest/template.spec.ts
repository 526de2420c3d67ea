import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  DefaultMessageConverter,
  type MessageContext,
  MessageListener,
  MessagingError,
  MessagingTemplate,
  type SendResult,
} from '../../lib/index.js';
import { LogBook, closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

afterEach(closeApplications);

const seen: { payload: unknown; context: MessageContext }[] = [];
beforeEach(() => void (seen.length = 0));

@Injectable()
class Everything {
  @MessageListener('x')
  handle(payload: unknown, context: MessageContext): void {
    seen.push({ payload, context });
  }
}

async function received(count = 1): Promise<typeof seen> {
  await until(() => seen.length >= count, `${count} messages, got ${seen.length}`);
  return seen;
}

async function template(converter?: DefaultMessageConverter): Promise<MessagingTemplate> {
  return (await startApplication({ providers: [Everything], messaging: { converter } })).get(MessagingTemplate);
}

describe('the verbs', () => {
  it('syncSend resolves with where the message is', async () => {
    const result = await (
      await template()
    ).syncSend('x:created', { id: 1 }, { keys: ['k1', 'k2'], properties: { a: 'b' } });
    expect(result).toMatchObject({ status: 'SEND_OK', topic: 'x', messageId: expect.any(String) });
    const [{ payload, context }] = (await received()) as [(typeof seen)[0]];
    expect(payload).toEqual({ id: 1 });
    expect(context).toMatchObject({ attempt: 1, group: 'test-Everything-handle', topic: 'x', connection: 'default' });
    const { message } = context;
    expect([message.tag, message.keys, message.messageId]).toEqual(['created', ['k1', 'k2'], result.messageId]);
    expect({ ...message.properties }).toEqual({ a: 'b' });
  });

  it('asyncSend calls back with the result', async () => {
    const sender = await template();
    const result = await new Promise<SendResult>((onSuccess, onException) => {
      sender.asyncSend('x', 'hello', { onSuccess, onException });
    });
    expect(result.topic).toBe('x');
    await received();
  });

  it('asyncSend calls back with a failure of the send, and throws only on bad arguments', async () => {
    const sender = await template();
    const failure = await new Promise<Error>((resolve) => {
      const body = Buffer.alloc(4 * 1024 * 1024 + 1);
      sender.asyncSend('x', body, { onSuccess: () => undefined, onException: resolve });
    }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(() => sender.asyncSend('x', 'y', {} as never)).toThrow(/onSuccess and onException/);
    const callbacks = { onSuccess: () => undefined, onException: () => undefined };
    expect(() => sender.asyncSend('not a topic', 'y', callbacks)).toThrow(MessagingError);
  });

  it('a callback of asyncSend that throws is logged, nothing more', async () => {
    const logger = new LogBook();
    const app = await startApplication({ providers: [Everything], logger });
    const fail = (): never => {
      throw new Error('in callback');
    };
    app.get(MessagingTemplate).asyncSend('x', 'y', { onSuccess: fail, onException: fail });
    await until(() => logger.find('error', /callback of asyncSend to x threw: in callback/).length === 1, 'the log');
  });

  it('so is one that throws nothing at all', async () => {
    const logger = new LogBook();
    const app = await startApplication({ providers: [Everything], logger });
    const nothing: unknown = null;
    const fail = (): never => {
      throw nothing;
    };
    app.get(MessagingTemplate).asyncSend('x', 'y', { onSuccess: fail, onException: fail });
    await until(() => logger.find('error', /callback of asyncSend to x threw: null/).length === 1, 'the log');
  });

  it('so is one that is asynchronous and rejects', async () => {
    const logger = new LogBook();
    const app = await startApplication({ providers: [Everything], logger });
    const fail = async (): Promise<never> => {
      throw new Error('in asynchronous callback');
    };
    app.get(MessagingTemplate).asyncSend('x', 'y', { onSuccess: fail, onException: fail });
    await until(() => logger.find('error', /callback of asyncSend to x threw: in asynch/).length === 1, 'the log');
  });

  it('refuses to send to the topics in which the broker keeps retries and dead letters', async () => {
    const sender = await template();
    for (const topic of ['%RETRY%g', '%DLQ%g'])
      await expect(sender.syncSend(topic, 1)).rejects.toMatchObject({ code: 'NO_PERMISSION' });
  });

  it('sendOneWay sends and returns nothing', async () => {
    expect((await template()).sendOneWay('x', 'hello')).toBeUndefined();
    expect((await received())[0]!.payload).toBe('hello');
  });

  it('sendOrderly keeps the messages of a key in order', async () => {
    const order: string[] = [];
    @Injectable()
    class Orderly {
      @MessageListener('steps', '*', 'orderly', ConsumeMode.ORDERLY)
      handle(payload: string): void {
        order.push(payload);
      }
    }
    const sender = (await startApplication({ providers: [Orderly] })).get(MessagingTemplate);
    const queues = new Set<number>();
    for (let n = 0; n < 20; n++) queues.add((await sender.sendOrderly('steps', `a${n}`, 'order-1')).queueId);
    expect(queues.size).toBe(1);
    await until(() => order.length === 20, 'all steps');
    expect(order).toEqual(Array.from({ length: 20 }, (_, n) => `a${n}`));
    await expect(sender.sendOrderly('steps', 'x', '')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it.each([
    ['text', '60ms'],
    ['milliseconds', 60],
    ['a date', () => new Date(Date.now() + 60)],
  ])('delay with %s delivers no earlier', async (_what, when) => {
    const sender = await template();
    const from = Date.now();
    await sender.delay('x', 'later', typeof when === 'function' ? when() : when);
    await received();
    expect(Date.now() - from).toBeGreaterThanOrEqual(60);
  });

  it('delay takes the levels of RocketMQ, and a date that has passed', async () => {
    const sender = await template();
    await sender.delay('x', 'past', new Date(1));
    expect((await received(1)).map(({ payload }) => payload)).toEqual(['past']);
    const from = Date.now();
    await sender.delay('x', 'level', { level: 1 });
    expect((await received(2)).map(({ payload }) => payload)).toEqual(['past', 'level']);
    expect(Date.now() - from).toBeGreaterThanOrEqual(1000);
  });

  it.each([
    ['soon'],
    [-1],
    [Number.NaN],
    [new Date('never')],
    [{ level: 0 }],
    [{ level: 19 }],
    [undefined],
    ['3 weeks'],
  ])('delay refuses %p', async (when) => {
    await expect((await template()).delay('x', 'y', when as never)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it('batch gives one acknowledgement for messages that lie next to each other', async () => {
    const sender = await template();
    const result = await sender.batch('x', [1, 2, 3], { tag: 't', each: (payload) => ({ keys: `k${payload}` }) });
    expect(result.messageIds).toHaveLength(3);
    const all = (await received(3)).sort((a, b) => (a.payload as number) - (b.payload as number));
    expect(all.map(({ payload }) => payload)).toEqual([1, 2, 3]);
    expect(all.map(({ context }) => context.message.keys)).toEqual([['k1'], ['k2'], ['k3']]);
    expect(all.map(({ context }) => context.message.tag)).toEqual(['t', 't', 't']);
  });

  it('batch over the limit is refused, or sent in parts', async () => {
    const sender = await template();
    const bodies = Array.from({ length: 5 }, () => Buffer.alloc(1.5 * 1024 * 1024));
    await expect(sender.batch('x', bodies)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    const results = await sender.batch('x', bodies, { split: true });
    expect(results.map(({ messageIds }) => messageIds!.length)).toEqual([2, 2, 1]);
    await received(5);
    await expect(sender.batch('x', [])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});

describe('what a send refuses', () => {
  it.each<[string, (sender: MessagingTemplate) => Promise<unknown>, string, RegExp]>([
    [
      'an unknown option',
      (s) => s.syncSend('x', 1, { expires: 5 } as never),
      'BAD_ARGUMENT',
      /unknown option "expires"/,
    ],
    [
      'an unknown option of each',
      (s) => s.batch('x', [1], { each: () => ({ timeout: 1 }) as never }),
      'BAD_ARGUMENT',
      /each\(0\): unknown option "timeout"/,
    ],
    ['a wrong topic', (s) => s.syncSend('a b', 1), 'NAME_INVALID', /a b/],
    ['no topic', (s) => s.syncSend('', 1), 'NAME_INVALID', /topic/],
    ['a destination that is no text', (s) => s.syncSend(undefined as never, 1), 'BAD_ARGUMENT', /destination/],
    ['an empty tag', (s) => s.syncSend('x:', 1), 'BAD_ARGUMENT', /tag/],
    ['a tag expression', (s) => s.syncSend('x:a||b', 1), 'BAD_ARGUMENT', /tag/],
    ['two tags', (s) => s.syncSend('x:a', 1, { tag: 'b' }), 'BAD_ARGUMENT', /give one/],
    ['a key with a space', (s) => s.syncSend('x', 1, { keys: 'a b' }), 'BAD_ARGUMENT', /keys/],
    [
      'a reserved property',
      (s) => s.syncSend('x', 1, { properties: { TAGS: 'a' } }),
      'PROPERTIES_INVALID',
      /TAGS is reserved/,
    ],
    [
      'a property of ours',
      (s) => s.syncSend('x', 1, { properties: { NESTMQ_X: 'a' } }),
      'PROPERTIES_INVALID',
      /reserved/,
    ],
    [
      'a property that is no text',
      (s) => s.syncSend('x', 1, { properties: { a: 1 } as never }),
      'PROPERTIES_INVALID',
      /"a"/,
    ],
    ['a wrong time-out', (s) => s.syncSend('x', 1, { timeout: 'soon' }), 'BAD_ARGUMENT', /timeout/],
    ['undefined as payload', (s) => s.syncSend('x', undefined), 'PAYLOAD_UNENCODABLE', /undefined has no JSON form/],
    ['an empty text', (s) => s.syncSend('x', ''), 'BAD_ARGUMENT', /the payload for x is empty/],
    ['a bigint', (s) => s.syncSend('x', { n: 1n }), 'PAYLOAD_UNENCODABLE', /BigInt/],
    ['a system topic', (s) => s.syncSend('SCHEDULE_TOPIC_XXXX', 1), 'NO_PERMISSION', /belongs to the broker/],
  ])('%s', async (_what, send, code, message) => {
    const sender = await template();
    await expect(send(sender)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('a send before the application is put together waits, and the others see its failure', async () => {
    let early: Promise<SendResult> | undefined;
    @Injectable()
    class Eager {
      constructor(messaging: MessagingTemplate) {
        early = messaging.syncSend('x', 1);
        early.catch(() => undefined);
      }
      @MessageListener({ topic: 'x', connection: 'nowhere' })
      handle(): void {}
    }
    await expect(startApplication({ providers: [Eager] })).rejects.toMatchObject({ code: 'CONFIGURATION' });
    await expect(early).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });
});

describe('payloads', () => {
  it.each<[string, unknown, unknown]>([
    ['text', 'grüße', 'grüße'],
    ['text that looks like JSON', '{"a":1}', '{"a":1}'],
    ['bytes', Buffer.from([0, 255, 3]), Buffer.from([0, 255, 3])],
    ['a typed array', new Uint8Array([1, 2]), Buffer.from([1, 2])],
    ['an object', { a: [1, { b: null }] }, { a: [1, { b: null }] }],
    ['a number', 42, 42],
    ['null', null, null],
  ])('%s arrives as it was sent', async (_what, sent, expected) => {
    await (await template()).syncSend('x', sent);
    expect((await received())[0]!.payload).toEqual(expected);
  });

  it('a buffer that is changed after the send or by a handler changes nothing for others', async () => {
    const others: unknown[] = [];
    @Injectable()
    class Two {
      @MessageListener('x', '*', 'one')
      first(payload: Buffer): void {
        payload.fill(0);
        others.push('changed');
      }
      @MessageListener('x', '*', 'two')
      async second(payload: Buffer): Promise<void> {
        await until(() => others.includes('changed'), 'the first handler');
        others.push(payload.toString());
      }
    }
    const sender = (await startApplication({ providers: [Two] })).get(MessagingTemplate);
    const body = Buffer.from('precious');
    const sending = sender.syncSend('x', body);
    body.fill(0);
    await sending;
    await until(() => others.length === 2, 'both handlers');
    expect(others).toEqual(['changed', 'precious']);
  });

  it('a converter of the application replaces ours', async () => {
    class Shouting extends DefaultMessageConverter {
      override encode(payload: unknown): ReturnType<DefaultMessageConverter['encode']> {
        return super.encode(String(payload).toUpperCase());
      }
    }
    await (await template(new Shouting())).syncSend('x', 'hello');
    expect((await received())[0]!.payload).toBe('HELLO');
  });
});
