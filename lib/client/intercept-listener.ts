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
  const handle: ListenerBinding['handle'] = async (message, signal) => {
    const call = {
      clientId,
      listener: binding.name,
      group,
      mode,
      maxReconsumeTimes,
      retryRequests,
      delivery,
      messages: [message],
    };
    const [settlement] = await interceptor.handle!(call, async () => {
      try {
        return [(await binding.handle(message, signal)) ?? ACKNOWLEDGED];
      } catch (error) {
        return [{ kind: 'retry', error }];
      }
    });
    return settlement;
  };
  return { ...binding, handle };
}

/** What becomes of a message of the call, by what its handler came to: as the dispatchers decide it. */
export function outcomeOf(
  call: InterceptedCall,
  message: ReceivedMessage,
  settlement: Settlement,
): keyof OutcomeCounts {
  if (settlement.kind === 'acknowledge') return 'acknowledged';
  // The requester gets the error, and that is the end of it.
  if (call.mode === ConsumeMode.BROADCAST || (message.isRequest && !call.retryRequests)) return 'failed';
  if (call.delivery === 'at-most-once' && settlement.kind === 'retry') return 'failed';
  return settlement.kind === 'retry' && message.attempt <= call.maxReconsumeTimes ? 'retried' : 'deadLettered';
}
