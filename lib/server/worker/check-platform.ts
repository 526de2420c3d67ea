import { NodeFileSystem, type Platform, SystemClock, SystemRandom } from '../../platform/index.js';
import { wrong } from '../settings/rules.js';

/** What a thread of its own makes for itself, and what it must be here as well. The logger stays here: its lines come over. */
const OWN_PARTS = [
  ['clock', SystemClock],
  ['fileSystem', NodeFileSystem],
  ['random', SystemRandom],
] as const;

/**
 * A broker in another thread has a disk, a clock and chance of its own.
 * @throws MessagingError CONFIGURATION naming what it would leave behind.
 */
export function checkPlatform(platform: Platform): void {
  for (const [name, type] of OWN_PARTS) {
    if (platform[name].constructor === type) continue;
    throw wrong(
      `broker.run: 'worker' cannot be combined with a ${name} of your own (${platform[name].constructor.name}): it would stay in ` +
        "this thread. Run the broker inline (broker.run: 'inline'), or leave the platform as it is.",
    );
  }
}
