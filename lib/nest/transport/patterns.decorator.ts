import { EventPattern as NestEventPattern, MessagePattern as NestMessagePattern } from '@nestjs/microservices';
import { MESSAGING_TRANSPORT } from './messaging-transport.js';
import type { MessagingPattern, PatternOptions } from './pattern.js';

/**
 * Calls the method for the messages of a topic. Nest's decorator of this name, with the options of this transport and pinned
 * to the `MessagingServer`; that of `@nestjs/microservices` works as well.
 *
 * @publicApi
 */
export function EventPattern(
  pattern: MessagingPattern | readonly MessagingPattern[],
  options: PatternOptions = {},
): MethodDecorator {
  return NestEventPattern<unknown>(pattern, MESSAGING_TRANSPORT, options);
}

/**
 * Calls the method for requests; what it returns, or every value of its Observable, is the answer. Nest's decorator of this
 * name, with the options of this transport and pinned to the `MessagingServer`; that of `@nestjs/microservices` works as well.
 *
 * @publicApi
 */
export function MessagePattern(
  pattern: MessagingPattern | readonly MessagingPattern[],
  options: PatternOptions = {},
): MethodDecorator {
  return NestMessagePattern<unknown>(pattern, MESSAGING_TRANSPORT, options);
}
