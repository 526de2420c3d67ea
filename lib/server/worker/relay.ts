import { isOneway } from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';

/**
 * Who has asked gives up sooner, and is the one to be told; this only bounds what waits here. No long poll is longer.
 */
const RELAYED_MILLIS = 120_000;

/** Makes one channel of two: what comes in at one end goes out at the other, both ways, and both close together. */
export function relay(one: Channel, other: Channel): void {
  pass(one, other);
  pass(other, one);
}

function pass(from: Channel, to: Channel): void {
  from.onRequest((request, _channel, respond) => {
    // A copy: the answer goes back under the number that it has here.
    const relayed = { ...request };
    if (isOneway(request)) {
      to.oneway(relayed);
      return;
    }
    to.call(relayed, RELAYED_MILLIS, {
      answered: (_error, response) => {
        // Without an answer there is none here either: a time-out, or a channel that closes, as it does on this side.
        if (response !== undefined) respond(response);
      },
    });
  });
  from.onClose(() => void to.close());
}
