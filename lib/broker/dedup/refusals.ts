import { MessagingError, type SendMessageRequestHeader } from '../../protocol/index.js';
import { PropertyTrait, scanProperties } from '../incoming-properties.js';

/** Whether the message is a first send with an id. */
export function wantsDedup(header: SendMessageRequestHeader): boolean {
  const traits = scanProperties(header.properties ?? '');
  return (traits & PropertyTrait.DEDUP) !== 0 && (traits & PropertyTrait.AGAIN) === 0;
}

export function unknownToDedup(topic: string): MessagingError {
  return new MessagingError(
    'PROPERTIES_INVALID',
    `A message to topic ${topic} has a de-duplication id, and there is no such topic. Topics that de-duplicate are ` +
      'declared in `broker.topics` with `dedup: { window, count }`.',
  );
}

export function notDeduplicated(topic: string, what: string): MessagingError {
  return new MessagingError(
    'PROPERTIES_INVALID',
    `${what} to topic ${topic} has a de-duplication id; only messages that are sent one by one have one.`,
  );
}
