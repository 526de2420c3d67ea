import { decide, type ListenerBinding, PostponeError, type Settlement } from '../../lib/client/index.js';
import { ACK } from './support.js';

export const ONE_QUEUE = { topics: [{ name: 't', queues: 1 }] };

export function later(delayMillis: number, suspendListener = false): Settlement {
  return decide('handler', new PostponeError(delayMillis, 'not now', { suspendListener }), () => undefined);
}

/** Puts the messages with this body off so many times. */
export function putsOff(body: string, times: number, delayMillis: number, suspend = false): ListenerBinding['handle'] {
  let left = times;
  return (message) => (message.text() === body && left-- > 0 ? later(delayMillis, suspend) : ACK);
}
