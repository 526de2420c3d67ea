import { Logger as NestLogger } from '@nestjs/common';
import { reasonText } from '../../client/index.js';
import type { Logger } from '../../platform/index.js';

/** The engine's logger over Nest's, so that an application's own logger gets everything. */
export function nestLogger(context: string): Logger {
  const logger = new NestLogger(context);
  return {
    error: (message, cause) => {
      // Anything may be thrown, also what has no text: a log line that fails would leave its message at work for ever.
      if (cause === undefined) logger.error(message);
      else logger.error(message, cause instanceof Error ? cause.stack : reasonText(cause));
    },
    warn: (message) => logger.warn(message),
    log: (message) => logger.log(message),
    debug: (message) => logger.debug(message),
    verbose: (message) => logger.verbose(message),
  };
}
