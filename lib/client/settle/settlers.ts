import { answered, countedAs } from '../requests/replies.js';
import { countOutcome } from '../counts.js';
import type { SettleDelivery } from '../dispatch/dispatcher.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery } from '../consumer/process-queue.js';
import { retryDelay } from './retry-delay.js';
import type { SendBack } from './send-back.js';
import { type FinalSettlement, reasonText } from './settle.js';

/** Concurrent groups: what failed goes back to the broker, one by one. */
export function settleWithBroker({ core, settings }: GroupContext, sendBack: SendBack): SettleDelivery {
  const { counters, platform } = core;

  const giveBack = async (delivery: Delivery, settlement: FinalSettlement & { error: unknown }): Promise<void> => {
    const max = delivery.listener?.maxReconsumeTimes ?? settings.maxReconsumeTimes;
    const rejected = settlement.kind === 'dead-letter';
    const last = rejected || delivery.retries >= max;
    const delay = rejected ? undefined : safeDelay(delivery, settlement);
    if (!(await sendBack.giveBack(delivery, settlement.error, delay, rejected))) return;
    countOutcome(counters, delivery, last ? 'deadLettered' : 'retried');
    delivery.queue.complete(delivery);
    const text = `${describe(delivery)} failed in the group ${settings.group}: ${reasonText(settlement.error)}`;
    if (last) platform.logger.error(`${text}; it is a dead letter now (attempt ${delivery.attempt})`, settlement.error);
    else
      platform.logger.warn(
        `${text}; attempt ${delivery.attempt + 1} follows${delay === undefined ? '' : ` in ${delay} ms`}`,
      );
  };

  // A `backoff` function is the user's and may throw; the ladder then decides.
  const safeDelay = (delivery: Delivery, settlement: FinalSettlement): number | undefined => {
    try {
      return retryDelay(delivery, settlement);
    } catch (error) {
      platform.logger.error(
        `The backoff of ${delivery.listener?.binding.name} threw; the broker's ladder is used`,
        error,
      );
      return undefined;
    }
  };

  return (delivery, outcome) => {
    const settlement = delivery.isRequest ? answered(core, delivery, outcome) : outcome;
    if (settlement.kind !== 'acknowledge') return giveBack(delivery, settlement);
    countOutcome(counters, delivery, countedAs(settlement));
    delivery.queue.complete(delivery);
  };
}

/**
 * Concurrent groups that acknowledge first: the message is complete, and a failure is the end of it. What can never succeed
 * becomes a dead letter all the same, which is no second delivery.
 */
export function settleOnce({ core, settings }: GroupContext, sendBack: SendBack): SettleDelivery {
  const { platform } = core;

  const fail = (delivery: Delivery, error: unknown): void => {
    countOutcome(core.counters, delivery, 'failed');
    platform.logger.error(
      `${describe(delivery)} failed in the group ${settings.group}, which acknowledges first and tries nothing again: ${reasonText(error)}`,
      error,
    );
  };

  const bury = async (delivery: Delivery, error: unknown): Promise<void> => {
    if (!(await sendBack.giveBack(delivery, error, undefined, true))) return fail(delivery, error);
    countOutcome(core.counters, delivery, 'deadLettered');
    platform.logger.error(
      `${describe(delivery)} failed in the group ${settings.group}: ${reasonText(error)}; it is a dead letter now`,
      error,
    );
  };

  return (delivery, outcome) => {
    const settlement = delivery.isRequest ? answered(core, delivery, outcome) : outcome;
    if (settlement.kind === 'dead-letter') return bury(delivery, settlement.error);
    if (settlement.kind === 'retry') fail(delivery, settlement.error);
    else countOutcome(core.counters, delivery, countedAs(settlement));
  };
}

/** Broadcast groups: every instance has its own copy, there is nobody to give it back to. */
export function settleLocally({ core, settings }: GroupContext): SettleDelivery {
  const { counters, platform } = core;
  return (delivery, outcome) => {
    delivery.queue.complete(delivery);
    const settlement = delivery.isRequest ? answered(core, delivery, outcome) : outcome;
    if (settlement.kind === 'acknowledge') {
      countOutcome(counters, delivery, countedAs(settlement));
      return;
    }
    countOutcome(counters, delivery, 'failed');
    platform.logger.error(
      `${describe(delivery)} failed in the broadcast group ${settings.group}, which has no retries: ${reasonText(settlement.error)}`,
      settlement.error,
    );
  };
}

/** For logs: never the body. */
export function describe(delivery: Delivery): string {
  return `The message at ${delivery.topic}@${delivery.brokerName}:${delivery.record.queueId}:${delivery.queueOffset}`;
}
