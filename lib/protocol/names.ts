import { MessagingError } from './errors.js';

/** Limits that every entrance keeps; sizes in bytes. */
export const LIMITS = {
  bodyBytes: 4 * 1024 * 1024,
  /** The whole properties string: its length travels as a signed 16-bit number. */
  propertiesBytes: 32_767,
  /** What the sender's properties, tag, keys and id may take of that; the rest is for the broker's. */
  userPropertiesBytes: 31 * 1024,
  /** Of an id for de-duplication. */
  dedupIdBytes: 255,
  /** Longer ones need records that Go clients cannot read. */
  topicBytes: 127,
  /** With `%RETRY%` before it a group is just a topic name of 127 bytes. */
  groupBytes: 120,
} as const;

export const RETRY_PREFIX = '%RETRY%';
export const DEAD_LETTER_PREFIX = '%DLQ%';
export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX';
export const TIMER_TOPIC = 'rmq_sys_wheel_timer';
export const TRANSACTION_HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC';
export const TRANSACTION_OP_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC';
/** Half messages whose producers never said what became of them. */
export const TRANSACTION_DEAD_LETTER_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC';
/** Where clients write what becomes of messages. */
export const TRACE_TOPIC = 'RMQ_SYS_TRACE_TOPIC';
/** The template topic: what new topics inherit their queues from. */
export const DEFAULT_TOPIC = 'TBW102';

const SYSTEM_PREFIX = 'rmq_sys_';

const NOT_SENDABLE: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  TRANSACTION_HALF_TOPIC,
  TRANSACTION_OP_TOPIC,
  TRANSACTION_DEAD_LETTER_TOPIC,
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
]);

const SYSTEM_TOPICS: ReadonlySet<string> = new Set([
  ...NOT_SENDABLE,
  DEFAULT_TOPIC,
  'BenchmarkTest',
  TRACE_TOPIC,
  'CHECKPOINT_TOPIC',
]);

/** Names that no client can take for a topic of its own; brokers have more that begin with `rmq_sys_`. */
export const SYSTEM_TOPIC_NAMES: readonly string[] = [...SYSTEM_TOPICS];

const NAME = /^[%|a-zA-Z0-9_-]+$/;

function checkName(kind: 'topic' | 'group', name: string, limit: number, namespace?: string): void {
  if (typeof name !== 'string' || name.length === 0) {
    throw new MessagingError('NAME_INVALID', `The ${kind} has no name; give one of letters, digits, _ - % |.`);
  }
  const room = limit - (namespace === undefined ? 0 : namespace.length + 1);
  if (name.length > room) {
    const beside = namespace === undefined ? '' : ` beside the namespace ${namespace}`;
    throw new MessagingError(
      'NAME_INVALID',
      `The ${kind} ${JSON.stringify(name.slice(0, 40))}… has ${name.length} characters; ${room} are allowed${beside}.`,
    );
  }
  if (!NAME.test(name)) {
    throw new MessagingError(
      'NAME_INVALID',
      `The ${kind} ${JSON.stringify(name)} has a character outside letters, digits, _ - % |.`,
    );
  }
  if (namespace !== undefined && name.startsWith(`${namespace}%`)) {
    throw new MessagingError(
      'NAME_INVALID',
      `The ${kind} ${name} names its namespace itself; leave "${namespace}%" out, the client puts it there.`,
    );
  }
}

/** Throws NAME_INVALID unless it is a name that RocketMQ takes for a topic, in the namespace if there is one. */
export function checkTopic(name: string, namespace?: string): void {
  checkName('topic', name, LIMITS.topicBytes, namespace);
}

/** Throws NAME_INVALID unless it is a name that RocketMQ takes for a producer or consumer group. */
export function checkGroup(name: string, namespace?: string): void {
  checkName('group', name, LIMITS.groupBytes, namespace);
}

/** Where the messages that the group failed to handle wait to be delivered to it again. */
export function retryTopic(group: string): string {
  return RETRY_PREFIX + group;
}

/** Where the messages that the group gave up end. */
export function deadLetterTopic(group: string): string {
  return DEAD_LETTER_PREFIX + group;
}

export function isRetryTopic(topic: string): boolean {
  return topic.startsWith(RETRY_PREFIX);
}

export function isDeadLetterTopic(topic: string): boolean {
  return topic.startsWith(DEAD_LETTER_PREFIX);
}

/** A topic that the broker keeps for itself; it cannot be created or deleted by a client. */
export function isSystemTopic(topic: string): boolean {
  return SYSTEM_TOPICS.has(topic) || topic.startsWith(SYSTEM_PREFIX);
}

const HIDDEN_TOPICS: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
  TRANSACTION_HALF_TOPIC,
  TRANSACTION_OP_TOPIC,
]);

/** A topic whose messages wait to become others: nobody consumes it, or a half message would be seen. */
export function isHiddenTopic(topic: string): boolean {
  return HIDDEN_TOPICS.has(topic);
}

/** A topic into which only the broker may write; a client's send there is answered with NO_PERMISSION. */
export function isSendableTopic(topic: string): boolean {
  return !NOT_SENDABLE.has(topic) && topic !== TIMER_TOPIC;
}
