import { ConsoleLogger } from './console-logger.js';
import { NodeFileSystem } from './node-file-system.js';
import type { Platform } from './platform.js';
import { SystemClock } from './system-clock.js';
import { SystemRandom } from './system-random.js';

/** The real world, with `overrides` in place of single parts of it. */
export function systemPlatform(overrides: Partial<Platform> = {}): Platform {
  return {
    clock: overrides.clock ?? new SystemClock(),
    fileSystem: overrides.fileSystem ?? new NodeFileSystem(),
    random: overrides.random ?? new SystemRandom(),
    logger: overrides.logger ?? new ConsoleLogger(),
  };
}
