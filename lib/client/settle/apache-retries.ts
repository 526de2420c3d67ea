import {
  appendProperty,
  deadLetterProperties,
  decodeProperties,
  encodeOffsetMessageId,
  originOf,
  PropertyName,
  retryDelayLevel,
  retryProperties,
} from '../../protocol/index.js';
import { type BrokerProfile, keptTime } from '../connection/capabilities.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery } from '../consumer/process-queue.js';
import { levelFor } from './delay-level.js';
import { sendRetry } from './retry-send.js';
import type { FailureReason } from './settle.js';

/**
 * Failed messages on Apache's broker: its send-back knows levels only and keeps no reason, so they are sent to the retry
 * topic as they are to come again. What is said to have had more retries than it may have, the broker makes a dead letter.
 */
export class ApacheRetries {
  constructor(private readonly group: GroupContext) {}

  /** @param delayMillis Undefined: the ladder of the broker. */
  async again(
    delivery: Delivery,
    profile: BrokerProfile,
    reason: FailureReason,
    delayMillis: number | undefined,
  ): Promise<void> {
    const { clock } = this.group.core.platform;
    const { properties, origin } = this.traits(delivery, reason);
    const retries = delivery.retries + 1;
    let text = retryProperties(properties, origin);
    if (delayMillis === undefined)
      text = appendProperty(text, PropertyName.DELAY_TIME_LEVEL, `${retryDelayLevel(delivery.retries)}`);
    else if (delayMillis > 0 && profile.longestTimer > 0) {
      // Earlier than asked for is better than not at all; options that ask for more are refused at boot.
      const now = clock.now();
      const at = keptTime(profile, now + Math.min(delayMillis, profile.longestTimer), now, delivery.topic);
      text = appendProperty(text, PropertyName.TIMER_DELIVER_MS, String(at));
    } else if (delayMillis > 0)
      text = appendProperty(text, PropertyName.DELAY_TIME_LEVEL, String(levelFor(delayMillis)));
    await sendRetry(this.group, delivery, { properties: text, retries, limit: retries + 1 });
  }

  async bury(delivery: Delivery, reason: FailureReason): Promise<void> {
    const { clock } = this.group.core.platform;
    const { properties, origin } = this.traits(delivery, reason);
    const attempts = Math.max(reason.attempts, delivery.attempt);
    const text = deadLetterProperties(properties, origin, reason, attempts, clock.now());
    const retries = Math.max(1, delivery.retries);
    await sendRetry(this.group, delivery, { properties: text, retries, limit: retries - 1 });
  }

  private traits(delivery: Delivery, reason: FailureReason) {
    const { record } = delivery;
    const properties = decodeProperties(record.properties);
    // What another group has given up carries where that group had it from: nothing to this one.
    if (delivery.queue.holdsDeadLetters) properties.delete(PropertyName.RETRY_TOPIC);
    properties.delete(PropertyName.TRANSACTION_PREPARED);
    const messageId = encodeOffsetMessageId(record.storeHost, record.physicalOffset);
    const { topic, queueId, queueOffset } = record;
    const origin = originOf({ topic, queueId, queueOffset, messageId }, properties, reason, reason.firstFailedAt);
    return { properties, origin };
  }
}
