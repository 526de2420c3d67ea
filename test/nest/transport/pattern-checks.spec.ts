import { Controller, type Type } from '@nestjs/common';
import { EventPattern as NestEventPattern, MessagePattern as NestMessagePattern } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../../lib/client/index.js';
import {
  EventPattern,
  MessagePattern,
  type MessagingPattern,
  MessagingServer,
  type PatternOptions,
} from '../../../lib/microservices.js';
import { closeServices, createService } from './support.js';

afterEach(closeServices);

/** The error of listen(), for handlers of which none is called. */
async function refusal(...decorators: MethodDecorator[]): Promise<{ code: string; message: string }> {
  const controllers = decorators.map((decorator): Type => {
    @Controller()
    class Handlers {
      @decorator
      handle(): void {}
    }
    return Handlers;
  });
  // Nobody is there: what is wrong is found before anything is opened.
  const strategy = new MessagingServer({ application: 'shop', nameServer: '127.0.0.1:1' });
  const service = await createService(strategy, { controllers });
  return service.listen().then(
    () => ({ code: 'none', message: 'it started' }),
    (error: { code: string; message: string }) => error,
  );
}

const event = (pattern: unknown, options?: unknown) =>
  EventPattern(pattern as MessagingPattern, options as PatternOptions | undefined);
const request = (pattern: unknown, options?: unknown) =>
  MessagePattern(pattern as MessagingPattern, options as PatternOptions | undefined);

describe('a pattern that makes no sense is refused at the start', () => {
  it.each<[string, MethodDecorator[], RegExp]>([
    ['an empty topic', [event(':created')], /"topic" or "topic:tag", and neither may be empty/],
    ['an empty tag', [event('orders:')], /neither may be empty/],
    ['no text', [event(7)], /a pattern is "topic", "topic:tag" or \{ topic/],
    ['nothing', [event(undefined)], /a pattern is "topic"/],
    ['a topic with a blank', [event('my orders')], /@EventPattern\("my orders"\)/],
    ['a topic of the broker', [event('%RETRY%g')], /belongs to the retries/],
    ['an object without a topic', [event({ tag: 'created' })], /names no topic/],
    ['a group in the pattern', [event({ topic: 'orders', group: 'g' })], /second argument.*unknown option "group"/],
    ['an unknown option', [event('orders', { maxRetries: 3 })], /unknown option "maxRetries"/],
    ['a batch', [event('orders', { batch: {} })], /unknown option "batch"/],
    ['an option that cannot be', [event('orders', { concurrency: 0 })], /concurrency must be a whole number/],
    ['a group that cannot be', [event('orders', { group: 'my group' })], /@EventPattern\("orders"\)/],
    [
      'a backoff in broadcast',
      [event('orders', { mode: ConsumeMode.BROADCAST, backoff: [1] })],
      /backoff would do nothing/,
    ],
    ['retryRequests of an event', [event('orders', { retryRequests: true })], /an event has no answer/],
    ['a selector beside a tag', [event({ topic: 'orders', tag: 'a', selector: 'b = 1' })], /selector stands alone/],
    [
      'a wildcard for requests',
      [request('quotes:price.*')],
      /wildcards, several tags, selector and headers are for @EventPattern/,
    ],
    ['several tags for requests', [request('quotes:a || b')], /wildcards, several tags/],
    ['all tags for requests', [request('quotes:*')], /wildcards, several tags/],
    ['a selector for requests', [request({ topic: 'quotes', selector: 'a = 1' })], /wildcards, several tags/],
    ['requests in broadcast', [request('quotes', { mode: ConsumeMode.BROADCAST })], /every instance would answer/],
    ['one request pattern twice', [request('quotes'), request('quotes')], /a request has one answer/],
    ['a request pattern that is an event too', [event('quotes'), request('quotes')], /a request has one answer/],
    [
      'options that differ for one pattern',
      [event('orders', { concurrency: 1 }), event('orders', { concurrency: 2 })],
      /differ in concurrency: say it once, or give them different groups/,
    ],
    [
      'backoff functions that differ for one pattern',
      [event('orders', { backoff: () => 1 }), event('orders', { backoff: () => 2 })],
      /differ in backoff/,
    ],
    [
      'patterns that overlap in one group',
      [event('orders'), event('orders:created')],
      /@EventPattern\("orders"\) and @EventPattern\("orders:created"\) are both in group shop and could match the same message/,
    ],
    [
      'modes that differ in one group',
      [event('a'), event('b', { mode: ConsumeMode.ORDERLY })],
      /are both in group shop, but one is CONCURRENT and the other ORDERLY: give one of them another group/,
    ],
    ['what Nest itself decorates', [NestEventPattern<string>('orders', { grup: 'g' })], /unknown option "grup"/],
    ['requests that Nest itself decorates', [NestMessagePattern('quotes:#')], /wildcards/],
  ])('%s', async (_, decorators, message) => {
    const error = await refusal(...decorators);
    expect(error.message).toMatch(message);
    expect(error.code).toBe('CONFIGURATION');
  });

  it('and so are options of the server', () => {
    const refuse = (options: object, message: RegExp) => expect(() => new MessagingServer(options)).toThrow(message);
    refuse({ nameservers: 'a:1' }, /MessagingServer: unknown option "nameservers"/);
    refuse({ nameServer: 'a' }, /nameServer must be host:port/);
    refuse({ nameServer: 'a:1', broker: {} }, /exclude each other/);
    refuse({ group: '' }, /group must be a text/);
    refuse({ transportId: 'text' }, /transportId must be a symbol/);
  });

  it('while a broker that is away rejects listen() too, which can be tried again', async () => {
    @Controller()
    class Handlers {
      @EventPattern('orders')
      handle(): void {}
    }
    const strategy = new MessagingServer({ application: 'shop', nameServer: '127.0.0.1:1' });
    const seen: string[] = [];
    strategy.status.subscribe((status) => seen.push(status));
    const service = await createService(strategy, { controllers: [Handlers] });
    await expect(service.listen()).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(service.listen()).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    expect(seen).toEqual(['connecting', 'disconnected', 'connecting', 'disconnected']);
    expect(() => strategy.unwrap()).toThrow(/not connected/);
    await expect(strategy.start()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});
