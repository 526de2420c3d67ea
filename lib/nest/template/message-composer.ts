import type { OutgoingMessage } from '../../client/index.js';
import type { Clock } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { describeValue, type MessageConverter } from '../payload/index.js';
import { Destinations } from './destination.js';
import { expiryTime } from './expiry-time.js';
import {
  applyMessageOptions,
  type BatchOptions,
  checkOptionNames,
  MESSAGE_OPTIONS,
  type MessageOptions,
} from './send-options.js';

/** Makes a message of what a verb is given, whichever way it then goes. */
export class MessageComposer {
  private readonly destinations = new Destinations();

  constructor(
    private readonly converter: MessageConverter,
    private readonly clock: Clock,
  ) {}

  /** Throws BAD_ARGUMENT, NAME_INVALID, NO_PERMISSION, PROPERTIES_INVALID, PAYLOAD_UNENCODABLE. */
  compose(destination: string, payload: unknown, options: MessageOptions | undefined, verb: string): OutgoingMessage {
    const to = this.destinations.parse(destination);
    const { body, contentType } = this.converter.encode(payload);
    if (body.length === 0) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `${verb}: the payload for ${to.topic} is empty, and RocketMQ has no empty messages`,
      );
    }
    const message = applyMessageOptions({ topic: to.topic, body, contentType }, to, options, verb);
    if (options?.expiresIn !== undefined) {
      message.expiresAt = expiryTime(options.expiresIn, this.clock.now(), verb);
    }
    return message;
  }
}

/** Of a batch: what one message has of its own, over what all have. */
export function optionsOfOne<T>(
  payload: T,
  index: number,
  options: Pick<BatchOptions<T>, 'each' | keyof MessageOptions> | undefined,
): MessageOptions | undefined {
  if (options?.each === undefined) return options;
  const own = options.each(payload, index);
  checkOptionNames(own, MESSAGE_OPTIONS, `batch: each(${index})`);
  const { tag, keys, properties, expiresIn } = options;
  return { tag, keys, properties, expiresIn, ...own };
}

export function checkPayloads(payloads: unknown): void {
  if (Array.isArray(payloads) && payloads.length > 0) return;
  throw new MessagingError('BAD_ARGUMENT', 'batch: the payloads must be an array with at least one element');
}

export function checkKey(key: unknown, verb: string): string {
  if (typeof key === 'string' && key !== '') return key;
  throw new MessagingError('BAD_ARGUMENT', `${verb}: the key must be a text, not ${describeValue(key)}`);
}
