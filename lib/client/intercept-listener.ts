import { ConsumeMode } from './consume-mode.js';
import type { DeliveryGuarantee } from './delivery-guarantee.js';
import type { ReceivedMessage } from './consumer/received-message.js';
import type { OutcomeCounts } from './counts.js';
import type { ClientInterceptor, InterceptedCall } from './interceptor.js';
import type { ListenerBinding } from './options.js';
import { ACKNOWLEDGED, type Settlement } from './settle/settle.js';

/** The listener with the interceptor around it; the listener itself when there is none. */
export function interceptListener(
  binding: ListenerBinding,
  of: { group: string; mode: ConsumeMode; maxReconsumeTimes: number; delivery: DeliveryGuarantee },
  clientId: string,
  interceptor: ClientInterceptor | undefined,
): ListenerBinding {
  if (interceptor?.handle === undefined) return binding;
  const { group, mode, delivery } = of;
  const maxReconsumeTimes = binding.maxReconsumeTimes ?? of.maxReconsumeTimes;
  const retryRequests = binding.retryRequests === true;
  const around = (
    messages: readonly ReceivedMessage[],
    handle: () => Promise<readonly Settlement[] | undefined | void>,
  ): Promise<readonly Settlement[]> => {
    const call = {
      clientId,
      listener: binding.name,
      group,
      mode,
      maxReconsumeTimes,
      retryRequests,
      delivery,
      messages,
    };
    return interceptor.handle!(call, async () => {
      try {
        return (await handle()) ?? messages.map(() => ACKNOWLEDGED);
      } catch (error) {
        return messages.map(() => ({ kind: 'retry', error }));
      }
    });
  };
  const intercepted = { ...binding };
  const { handle, handleBatch } = binding;
  if (handle !== undefined) {
    intercepted.handle = async (message, signal) => {
      const one = async (): Promise<Settlement[]> => [(await handle.call(binding, message, signal)) ?? ACKNOWLEDGED];
      return (await around([message], one))[0];
    };
  }
  if (handleBatch !== undefined) {
    intercepted.handleBatch = (messages, signal) =>
      around(messages, async () => handleBatch.call(binding, messages, signal));
  }
  return intercepted;
}

/** What becomes of a message of the call, by what its handler came to: as the dispatchers decide it. */
export function outcomeOf(
  call: InterceptedCall,
  message: ReceivedMessage,
  settlement: Settlement,
): keyof OutcomeCounts {
  if (settlement.kind === 'acknowledge') return 'acknowledged';
  if (settlement.kind === 'postpone' && call.delivery !== 'at-most-once') return 'postponed';
  // The requester gets the error, and that is the end of it.
  if (call.mode === ConsumeMode.BROADCAST || (message.isRequest && !call.retryRequests)) return 'failed';
  if (call.delivery === 'at-most-once' && settlement.kind !== 'dead-letter') return 'failed';
  return settlement.kind === 'retry' && message.attempt <= call.maxReconsumeTimes ? 'retried' : 'deadLettered';
}
