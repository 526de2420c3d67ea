import { appendProperty, DEFAULT_TOPIC, ExtensionProperty, getProperty, PropertyName } from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import type { Delivery } from '../consumer/process-queue.js';
import { ACKNOWLEDGED, reasonText, type Settlement } from '../settle/settle.js';
import { encodeFailure } from './reply-error.js';
import type { Reply } from './reply.js';

const { CORRELATION_ID, REPLY_TO_CLIENT, TTL, CLUSTER, MESSAGE_TYPE, UNIQUE_KEY } = PropertyName;
/** A body for what has none: RocketMQ knows no empty messages. */
const NOTHING = Buffer.from(' ');

/** Whether nobody waits for the reply any more: handling the request would be work for nothing. */
export function isOverdue(delivery: Delivery, now: number): boolean {
  const ttl = Number(getProperty(delivery.properties, TTL) ?? Number.NaN);
  return ttl > 0 && delivery.record.bornTimestamp + ttl < now;
}

/**
 * A request is handled once: the outcome of its handler is the reply, and settles it. With `retryRequests` a failure is
 * retried like any other, and the requester hears of the success, or of the last failure.
 */
export function answered(core: ClientCore, delivery: Delivery, settlement: Settlement): Settlement {
  if (settlement.kind === 'acknowledge') {
    if (settlement !== OVERDUE) void send(core, delivery, settlement.reply, undefined);
    return ACKNOWLEDGED;
  }
  const { listener } = delivery;
  const retried = listener?.binding.retryRequests === true;
  const last = settlement.kind === 'dead-letter' || delivery.attempt > (listener?.maxReconsumeTimes ?? 0);
  if (!retried || last) void send(core, delivery, undefined, settlement.error);
  return retried ? settlement : ACKNOWLEDGED;
}

/** Settles a request that came too late; nothing is replied. */
export const OVERDUE: Settlement = Object.freeze({ kind: 'acknowledge' });

/** Never rejects: without a reply the requester's time-out tells it. */
async function send(core: ClientCore, delivery: Delivery, reply: Reply | undefined, error: unknown): Promise<void> {
  const { properties, brokerName } = delivery;
  const { logger, clock } = core.platform;
  const kind = error !== undefined ? 'error' : reply === undefined ? 'nothing' : 'value';
  let own = '';
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') own = appendProperty(own, name, value);
  };
  add(MESSAGE_TYPE, 'reply');
  for (const name of [CORRELATION_ID, REPLY_TO_CLIENT, TTL]) add(name, getProperty(properties, name));
  add(UNIQUE_KEY, getProperty(properties, UNIQUE_KEY));
  add(ExtensionProperty.REPLY, kind);
  add(ExtensionProperty.CONTENT_TYPE, reply?.contentType);
  try {
    await core.brokers.sendReply(
      brokerName,
      {
        producerGroup: core.producerGroup,
        topic: `${getProperty(properties, CLUSTER) ?? 'DefaultCluster'}_REPLY_TOPIC`,
        defaultTopic: DEFAULT_TOPIC,
        defaultTopicQueueNums: 1,
        queueId: 0,
        sysFlag: 0,
        bornTimestamp: clock.now(),
        flag: 0,
        properties: own,
        reconsumeTimes: 0,
        unitMode: false,
        maxReconsumeTimes: undefined,
        batch: false,
        brokerName,
      },
      error !== undefined ? encodeFailure(error) : (reply?.body ?? NOTHING),
    );
    core.counters.repliesSent++;
  } catch (failure) {
    core.counters.repliesFailed++;
    logger.warn(`The reply to a request of ${delivery.topic} did not reach its requester: ${reasonText(failure)}`);
  }
}
