import { MessagingError } from '../../protocol/index.js';

export function unknownGroup(name: string): MessagingError {
  return new MessagingError(
    'GROUP_NOT_FOUND',
    `There is no consumer group ${name} on this broker; it appears with its first heartbeat.`,
  );
}
