import type { ConsumeMode } from './consume-mode.js';
import type { ClientInterceptor } from './interceptor.js';
import type { ListenerBinding } from './options.js';
import { ACKNOWLEDGED } from './settle/settle.js';

/** The listener with the interceptor around it; the listener itself when there is none. */
export function interceptListener(
  binding: ListenerBinding,
  of: { group: string; mode: ConsumeMode; maxReconsumeTimes: number },
  interceptor: ClientInterceptor | undefined,
): ListenerBinding {
  if (interceptor?.handle === undefined) return binding;
  const { group, mode } = of;
  const maxReconsumeTimes = binding.maxReconsumeTimes ?? of.maxReconsumeTimes;
  const handle: ListenerBinding['handle'] = async (message, signal) => {
    const call = { listener: binding.name, group, mode, maxReconsumeTimes, messages: [message] };
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
