import { countOutcome } from '../counts.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery } from '../consumer/process-queue.js';
import { isPastDeadline, isRetried } from '../requests/replies.js';
import { describe } from '../settle/settlers.js';
import { type FinalSettlement, type Postponement, reasonText, type Settlement } from '../settle/settle.js';

/**
 * What a postponed delivery comes to: milliseconds to keep it for, or how it is settled where no second call can follow.
 *
 * @param once Whether it was acknowledged before its handler ran.
 */
export function postpone(
  { core, settings }: GroupContext,
  delivery: Delivery,
  { delayMillis, error }: Postponement,
  once = false,
): number | FinalSettlement {
  const { clock, logger } = core.platform;
  const tooLate = delivery.isRequest && !isRetried(delivery) && isPastDeadline(delivery, clock.now() + delayMillis);
  if (once || tooLate) return { kind: 'retry', error };
  delivery.postponed++;
  countOutcome(core.counters, delivery, 'postponed');
  logger.debug(
    `${describe(delivery)} is put off by ${delayMillis} ms in the group ${settings.group}: ${reasonText(error)}`,
  );
  return Math.max(1, delayMillis);
}

/** If that was asked for; after the message itself was put where it waits, so that it is the first to come again. */
export function suspend(
  { core, settings }: GroupContext,
  { listener }: Delivery,
  { delayMillis, suspendListener, error }: Postponement,
  wake: () => void,
): void {
  if (!suspendListener) return;
  const { clock, logger } = core.platform;
  const { binding, suspension } = listener!;
  const reason = reasonText(error);
  if (!suspension.begin(clock, Math.max(1, delayMillis), reason, wake)) return;
  logger.warn(`${binding.name} in the group ${settings.group} takes nothing new for ${delayMillis} ms: ${reason}`);
}

/** Whether the listener takes nothing now, because it was told so or has asked for it. */
export function isHeld({ listener }: Delivery): boolean {
  return listener !== undefined && (listener.paused || listener.suspension.active);
}

export function isPostponed(settlement: Settlement): settlement is Postponement {
  return settlement.kind === 'postpone';
}
