import type { ListenerBinding } from '../../client/index.js';
import type { MessageListenerOptions } from '../decorators/index.js';
import { parseDuration } from '../payload/index.js';

/** How the client is to run a listener, as it is told. */
export type BindingSettings = Omit<
  ListenerBinding,
  'name' | 'topic' | 'tag' | 'selector' | 'headers' | 'handle' | 'handleBatch'
>;

export const DEFAULT_BATCH_SIZE = 32;
const DEFAULT_BATCH_TIMEOUT = 100;

/** Of options that are checked. */
export function bindingSettings(options: Omit<MessageListenerOptions, 'topic'>): BindingSettings {
  const { concurrency, maxReconsumeTimes, backoff, keyOrder, rateLimit, consumeTimeout, batch, retryRequests } =
    options;
  return {
    concurrency,
    maxReconsumeTimes,
    backoff,
    keyOrder,
    rateLimit: rateLimit && {
      limit: rateLimit.limit,
      intervalMillis: parseDuration(rateLimit.interval, 'rateLimit'),
    },
    consumeTimeoutMillis: consumeTimeout === undefined ? undefined : parseDuration(consumeTimeout, 'consumeTimeout'),
    batch: batch && {
      size: batch.size ?? DEFAULT_BATCH_SIZE,
      timeoutMillis: parseDuration(batch.timeout ?? DEFAULT_BATCH_TIMEOUT, 'batch'),
    },
    retryRequests,
  };
}
