import { Logger as NestLogger } from '@nestjs/common';
import type { Logger } from '../../platform/index.js';

/** The engine's logger over Nest's, so that an application's own logger gets everything. */
export function nestLogger(context: string): Logger {
  const logger = new NestLogger(context);
  return {
    error: (message, cause) => {
      if (cause === undefined) logger.error(message);
      else logger.error(message, cause instanceof Error ? cause.stack : String(cause));
    },
    warn: (message) => logger.warn(message),
    log: (message) => logger.log(message),
    debug: (message) => logger.debug(message),
    verbose: (message) => logger.verbose(message),
  };
}
