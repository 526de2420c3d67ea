import { MessagingError, checkTopic, isDeadLetterTopic, isRetryTopic, isSendableTopic } from '../../protocol/index.js';
import { describeValue } from '../payload/index.js';

export interface Destination {
  readonly topic: string;
  readonly tag: string | undefined;
}

/** Destinations are few and repeat with every send; the bound is for those who build them from data. */
const KNOWN_LIMIT = 1024;

/** Reads `topic` or `topic:tag`, and remembers what it read. */
export class Destinations {
  private readonly known = new Map<string, Destination>();

  /** Throws BAD_ARGUMENT or NAME_INVALID. */
  parse(text: string): Destination {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const destination = parseDestination(text);
    if (this.known.size >= KNOWN_LIMIT) this.known.clear();
    this.known.set(text, destination);
    return destination;
  }
}

function parseDestination(text: unknown): Destination {
  if (typeof text !== 'string') {
    throw new MessagingError('BAD_ARGUMENT', `a destination is "topic" or "topic:tag", not ${describeValue(text)}`);
  }
  const colon = text.indexOf(':');
  const topic = colon < 0 ? text : text.slice(0, colon);
  checkTopic(topic);
  if (!isSendableTopic(topic) || isRetryTopic(topic) || isDeadLetterTopic(topic)) {
    throw new MessagingError('NO_PERMISSION', `the topic ${topic} belongs to the broker; send to one of your own`);
  }
  return { topic, tag: colon < 0 ? undefined : checkTag(text.slice(colon + 1), `destination ${JSON.stringify(text)}`) };
}

/** One tag, as a message carries it. */
export function checkTag(tag: unknown, where: string): string {
  // `|` separates tags in a listener's expression and `*` stands for all of them there.
  if (typeof tag === 'string' && tag !== '' && tag !== '*' && !/[\s|\u0001\u0002]/u.test(tag)) return tag;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `${where}: ${describeValue(tag)} is no tag; a message has one tag, without white space, "|" and not "*"`,
  );
}
