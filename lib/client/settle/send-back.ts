import {
  appendProperty,
  ExtensionProperty,
  getProperty,
  LIMITS,
  PropertyName,
  removeProperties,
  retryDelayLevel,
  setProperty,
  type ConsumerSendMsgBackRequestHeader,
} from '../../protocol/index.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery } from '../consumer/process-queue.js';
import { ResponseError } from '../connection/response-error.js';
import { ApacheRetries } from './apache-retries.js';
import { levelFor } from './delay-level.js';
import { sendRetry } from './retry-send.js';
import { failureReason, type FailureReason } from './settle.js';

/** Before another try to hand a failed message over. */
const AGAIN_MILLIS = 5000;

/** A broker that refuses for a reason of its own is asked so often (a minute) before the message is sent to it anew. */
const REFUSALS_BELIEVED = 12;

const DEAD_LETTER_LEVEL = -1;

/** Hands failed messages to the broker that stored them, for another attempt or as dead letters. */
export class SendBack {
  private readonly apache: ApacheRetries;

  constructor(private readonly group: GroupContext) {
    this.apache = new ApacheRetries(group);
  }

  /**
   * Resolves with true once the broker has the message: it may then be settled. While the broker cannot be reached it is
   * tried again every 5 s; false means that the queue was taken away first, and its next owner gets the message again.
   */
  async giveBack(
    delivery: Delivery,
    error: unknown,
    delayMillis: number | undefined,
    deadLetter: boolean,
  ): Promise<boolean> {
    const { core, settings } = this.group;
    const { clock, logger } = core.platform;
    const firstFailedAt = delivery.firstFailedAt === 0 ? clock.now() : delivery.firstFailedAt;
    const reason = failureReason(error, firstFailedAt, delivery.attempt);
    const header = this.header(delivery, reason, delayMillis, deadLetter);
    for (let tries = 1; ; tries++) {
      try {
        await this.handOver(delivery, header, reason, tries);
        return true;
      } catch (failure) {
        core.counters.sendBackFailed++;
        logger.warn(
          `A message of ${delivery.topic} that failed in the group ${settings.group} could not be given back to ${delivery.brokerName} ` +
            `and is kept for another try: ${(failure as Error).message}`,
        );
      }
      if (delivery.queue.draining) return false;
      try {
        await clock.sleep(AGAIN_MILLIS, delivery.queue.stopping);
      } catch {
        return false;
      }
    }
  }

  private header(
    delivery: Delivery,
    reason: FailureReason,
    delayMillis: number | undefined,
    deadLetter: boolean,
  ): ConsumerSendMsgBackRequestHeader {
    const { record } = delivery;
    const { settings } = this.group;
    return {
      offset: record.physicalOffset,
      group: settings.group,
      delayLevel: deadLetter ? DEAD_LETTER_LEVEL : levelFor(delayMillis),
      originMsgId:
        getProperty(delivery.properties, PropertyName.ORIGIN_MESSAGE_ID) ??
        getProperty(delivery.properties, PropertyName.UNIQUE_KEY),
      originTopic: record.topic,
      unitMode: false,
      maxReconsumeTimes: delivery.listener?.maxReconsumeTimes ?? settings.maxReconsumeTimes,
      retryDelayMs: deadLetter ? undefined : delayMillis,
      reason: JSON.stringify(reason),
    };
  }

  private async handOver(
    delivery: Delivery,
    header: ConsumerSendMsgBackRequestHeader,
    reason: FailureReason,
    tries: number,
  ): Promise<void> {
    const { brokers, platform, capabilities } = this.group.core;
    const profile = await capabilities.of(brokers.master(delivery.brokerName));
    if (profile.kind !== 'ours') {
      if (header.delayLevel < 0 || delivery.retries >= header.maxReconsumeTimes!)
        await this.apache.bury(delivery, reason);
      else await this.apache.again(delivery, profile, reason, header.retryDelayMs);
      return;
    }
    try {
      await brokers.sendBack(delivery.brokerName, header);
    } catch (error) {
      if (!isRefused(error, tries)) throw error;
      platform.logger.debug(`${error.message}; the message is sent to ${this.group.retryTopic} instead`);
      await this.sendAnew(delivery, header, reason);
    }
  }

  private async sendAnew(
    delivery: Delivery,
    back: ConsumerSendMsgBackRequestHeader,
    reason: FailureReason,
  ): Promise<void> {
    const { retries } = delivery;
    const max = back.maxReconsumeTimes!;
    const last = back.delayLevel < 0 || retries >= max;
    // Beyond the limit a broker makes a dead letter of it; ours already at the limit when the group holds locks, as our
    // groups do. So the limit says what is meant: below the attempts of a dead letter, above those of any other.
    const reconsumeTimes = last ? Math.max(1, delivery.attempt - 1) : retries + 1;
    const limit = last ? reconsumeTimes - 1 : Math.max(max, reconsumeTimes + 1);
    const level = back.delayLevel > 0 ? back.delayLevel : retryDelayLevel(retries);
    const { RETRY_TOPIC, RECONSUME_TIME, MAX_RECONSUME_TIMES, DELAY_TIME_LEVEL, ORIGIN_MESSAGE_ID } = PropertyName;
    let properties = removeProperties(delivery.properties, [
      RETRY_TOPIC,
      RECONSUME_TIME,
      MAX_RECONSUME_TIMES,
      DELAY_TIME_LEVEL,
      ORIGIN_MESSAGE_ID,
      PropertyName.TRANSACTION_PREPARED,
    ]);
    properties = appendProperty(properties, RETRY_TOPIC, delivery.topic);
    properties = appendProperty(properties, RECONSUME_TIME, String(reconsumeTimes));
    properties = appendProperty(properties, MAX_RECONSUME_TIMES, String(max));
    if (back.originMsgId !== undefined) properties = appendProperty(properties, ORIGIN_MESSAGE_ID, back.originMsgId);
    properties = withReason(properties, delivery, reason);
    if (!last) properties = appendProperty(properties, DELAY_TIME_LEVEL, String(level));
    await sendRetry(this.group, delivery, { properties, retries: reconsumeTimes, limit });
  }
}

// What the broker cannot read any more can still be sent anew. Not earlier than needed: a RocketMQ 5 broker makes a dead
// letter of what is sent to the retry topic while the group holds locks.
function isRefused(error: unknown, tries: number): error is ResponseError {
  if (!(error instanceof ResponseError)) return false;
  if (error.code === 'RECORD_INVALID' || error.code === 'OFFSET_OUT_OF_RANGE') return true;
  const mayPass = error.retryable && error.code !== 'BROKER_ERROR';
  return !mayPass && tries > REFUSALS_BELIEVED;
}

/** What our broker adds by itself to what is sent back to it, as far as there is room. */
function withReason(properties: string, { queueOffset, record, retries }: Delivery, reason: FailureReason): string {
  let text = properties;
  const add = (name: string, value: string | number): void => {
    const longer = value === '' ? text : setProperty(text, name, String(value));
    if (Buffer.byteLength(longer) <= LIMITS.userPropertiesBytes) text = longer;
  };
  if (getProperty(text, ExtensionProperty.FIRST_FAILED_AT) === undefined)
    add(ExtensionProperty.FIRST_FAILED_AT, reason.firstFailedAt);
  // A retry knows where it came from, or nobody does.
  if (retries === 0) {
    add(ExtensionProperty.ORIGIN_QUEUE_ID, record.queueId);
    add(ExtensionProperty.ORIGIN_QUEUE_OFFSET, queueOffset);
  }
  add(ExtensionProperty.DLQ_ERROR_CLASS, reason.errorClass);
  add(ExtensionProperty.DLQ_ERROR_MESSAGE, reason.message);
  return text;
}
