import { VirtualClock } from '../../../lib/platform/index.js';
import type { Channel } from '../../../lib/remoting/index.js';

/** Turns of the loop in which nothing was on its way. */
const QUIET_TURNS = 2;

type End = Channel & { readonly unsentBytes: number };

/**
 * Virtual time for what talks through the ports of threads. Nothing has come to rest while frames that one end has posted
 * were not taken by the other, or while one end does not know yet that the other has closed.
 */
export class PortClock extends VirtualClock {
  private pairs: (readonly [End, End])[] = [];

  watch(one: Channel, other: Channel): void {
    this.pairs.push([one as End, other as End]);
  }

  override async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await super.settle();
      if (!this.isQuiet()) quiet = -1;
    }
  }

  private isQuiet(): boolean {
    this.pairs = this.pairs.filter(([one, other]) => !(one.closed && other.closed));
    return this.pairs.every(
      ([one, other]) => !one.closed && !other.closed && one.unsentBytes === 0 && other.unsentBytes === 0,
    );
  }
}
