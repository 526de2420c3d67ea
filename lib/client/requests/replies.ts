import {
  appendProperty,
  DEFAULT_TOPIC,
  ExtensionProperty,
  getProperty,
  MessagingError,
  PropertyName,
} from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import type { Delivery } from '../consumer/process-queue.js';
import type { ContentType } from '../producer/messages.js';
import { ACKNOWLEDGED, type FinalSettlement, reasonText } from '../settle/settle.js';
import { encodeFailure } from './reply-error.js';
import type { Reply } from './reply.js';

const { CORRELATION_ID, REPLY_TO_CLIENT, TTL, CLUSTER, MESSAGE_TYPE, UNIQUE_KEY } = PropertyName;
/** A body for what has none: RocketMQ knows no empty messages. */
const NOTHING = Buffer.from(' ');

/**
 * Whether nobody waits for the reply any more: handling the request would be work for nothing. One that is retried was
 * begun in time, and so was one that is postponed; `retryRequests` says that it is to be brought to an end.
 */
export function isOverdue(delivery: Delivery, now: number): boolean {
  if (delivery.attempt > 1 || (delivery.postponed > 0 && isRetried(delivery))) return false;
  return isPastDeadline(delivery, now);
}

/** Whether a request that fails is tried again, instead of being replied to with its error. */
export function isRetried({ listener }: Delivery): boolean {
  return listener?.binding.retryRequests === true;
}

export function isPastDeadline(delivery: Delivery, now: number): boolean {
  const ttl = Number(getProperty(delivery.properties, TTL) ?? Number.NaN);
  return ttl > 0 && delivery.record.bornTimestamp + ttl <= now;
}

/**
 * A request is handled once: the outcome of its handler is the reply, and settles it. With `retryRequests` a failure is
 * retried like any other, and the requester hears of the success, or of the last failure.
 */
export function answered(core: ClientCore, delivery: Delivery, settlement: FinalSettlement): FinalSettlement {
  if (settlement.kind === 'acknowledge') {
    if (settlement === OVERDUE) return settlement;
    const reply = success(core, delivery, settlement.reply);
    sendInTime(core, delivery, reply);
    return reply.kind === 'error' ? FAILED : ACKNOWLEDGED;
  }
  const { listener } = delivery;
  const retried = isRetried(delivery);
  const last = settlement.kind === 'dead-letter' || delivery.attempt > (listener?.maxReconsumeTimes ?? 0);
  if (!retried || last) sendInTime(core, delivery, failed(settlement.error));
  return retried ? settlement : FAILED;
}

/** Settles a request that failed: its requester has the error, and that is the end of it. */
const FAILED: FinalSettlement = Object.freeze({ kind: 'acknowledge' });

/** As what a delivery counts that is neither tried again nor a dead letter. */
export function countedAs(settlement: FinalSettlement): 'acknowledged' | 'failed' {
  return settlement === FAILED ? 'failed' : 'acknowledged';
}

/** Settles a request that came too late; nothing is replied. */
export const OVERDUE: FinalSettlement = Object.freeze({ kind: 'acknowledge' });

/** A reply as it travels. */
interface Outgoing {
  readonly kind: 'value' | 'values' | 'empty' | 'nothing' | 'error';
  readonly body: Buffer;
  readonly contentType?: ContentType;
}

function success(core: ClientCore, { topic }: Delivery, reply: Reply | undefined): Outgoing {
  if (reply === undefined) return { kind: 'nothing', body: NOTHING };
  const { body, contentType, several = false } = reply;
  const limit = core.settings.maxMessageBytes;
  if (body.length > limit) {
    const text = `The reply to a request of ${topic} has ${body.length} bytes; at most ${limit} are allowed. Store it elsewhere and reply with a reference`;
    return failed(new MessagingError('MESSAGE_TOO_LARGE', text));
  }
  if (body.length === 0) return { kind: 'empty', body: NOTHING, contentType };
  return { kind: several ? 'values' : 'value', body, contentType };
}

function failed(error: unknown): Outgoing {
  return { kind: 'error', body: encodeFailure(error) };
}

/** The queue counts as busy until the reply is with its requester, so that a client that stops does not cut it off. */
function sendInTime(core: ClientCore, delivery: Delivery, reply: Outgoing): void {
  delivery.queue.begin();
  void send(core, delivery, reply).finally(() => delivery.queue.end());
}

/** Never rejects: without a reply the requester's time-out tells it. */
async function send(core: ClientCore, delivery: Delivery, { kind, body, contentType }: Outgoing): Promise<void> {
  const { properties, brokerName } = delivery;
  const { logger, clock } = core.platform;
  let own = '';
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') own = appendProperty(own, name, value);
  };
  add(MESSAGE_TYPE, 'reply');
  for (const name of [CORRELATION_ID, REPLY_TO_CLIENT, TTL]) add(name, getProperty(properties, name));
  add(UNIQUE_KEY, getProperty(properties, UNIQUE_KEY));
  add(ExtensionProperty.REPLY, kind);
  add(ExtensionProperty.CONTENT_TYPE, contentType);
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
      body,
    );
    core.counters.repliesSent++;
  } catch (failure) {
    core.counters.repliesFailed++;
    logger.warn(`The reply to a request of ${delivery.topic} did not reach its requester: ${reasonText(failure)}`);
  }
}
