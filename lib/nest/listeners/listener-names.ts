import {
  MessagingError,
  checkGroup,
  checkTopic,
  isDeadLetterTopic,
  isHiddenTopic,
  isRetryTopic,
} from '../../protocol/index.js';

/** Throws NAME_INVALID for what is no topic, or none to listen to. */
export function checkedTopic(topic: string, namespace: string | undefined): string {
  checkTopic(topic, namespace);
  if (isHiddenTopic(topic)) {
    throw new MessagingError(
      'NAME_INVALID',
      `the topic ${topic} is read by the broker only; listen to one of your own`,
    );
  }
  if (!isRetryTopic(topic)) return topic;
  throw new MessagingError(
    'NAME_INVALID',
    `the topic ${topic} belongs to the retries of a group; listen to the topic itself`,
  );
}

/** Throws NAME_INVALID for what is no group, or the broker's. */
export function checkedGroup(group: string, namespace: string | undefined): string {
  checkGroup(group, namespace);
  if (!isRetryTopic(group) && !isDeadLetterTopic(group)) return group;
  throw new MessagingError('NAME_INVALID', `the group ${group} begins with a prefix of the broker's own topics`);
}
