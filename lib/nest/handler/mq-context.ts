import type { ArgumentsHost, ContextType } from '@nestjs/common';

/** What `getType()` of an execution context may give in an application that listens to messages. */
export type MqContextType = ContextType | 'mq';

/**
 * Whether a guard, pipe, interceptor or filter is at work for a message: `getArgByIndex(0)` is then the payload and
 * `getArgByIndex(1)` the `MessageContext`. One line at its top keeps an HTTP-minded one away from messages.
 *
 * @publicApi
 */
export function isMqContext(host: ArgumentsHost): boolean {
  return host.getType<MqContextType>() === 'mq';
}
