import type { Clock } from './clock.js';
import type { FileSystem } from './file-system.js';
import type { Logger } from './logger.js';
import type { Random } from './random.js';

/** The world that is handed to the engine: everything in it can be replaced by a simulated one. */
export interface Platform {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly logger: Logger;
}
