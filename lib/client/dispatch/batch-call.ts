import { MessagingError } from '../../protocol/index.js';
import type { Delivery } from '../consumer/process-queue.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import { ACKNOWLEDGED, type Settlement } from '../settle/settle.js';

/** What becomes of each message of a batch, in its order; a failure of the call is one of every message. Never rejects. */
export async function callBatch(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly Settlement[]> {
  const { binding } = deliveries[0]!.listener!;
  try {
    const messages = deliveries.map((delivery) => new ReceivedMessage(delivery.record, delivery));
    const outcomes = await binding.handleBatch!(messages, signal);
    if (outcomes === undefined) return deliveries.map(() => ACKNOWLEDGED);
    if (outcomes.length === deliveries.length) return outcomes;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `${binding.name} gave ${outcomes.length} outcomes for ${deliveries.length} messages; give one each, or nothing`,
    );
  } catch (error) {
    return deliveries.map(() => ({ kind: 'retry', error }));
  }
}
