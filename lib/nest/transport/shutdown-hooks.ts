import type { Logger } from '../../platform/index.js';

/** How long after the start the shutdown hooks may be switched on without a warning. */
const CHECK_MILLIS = 1_000;

/** Warns when a SIGTERM would end the process without closing anything. */
export function checkShutdownHooks(logger: Pick<Logger, 'warn'>, consequence: string): NodeJS.Timeout {
  const check = (): void => {
    if (process.listenerCount('SIGTERM') > 0) return;
    logger.warn(`shutdown hooks are off: a SIGTERM ${consequence}; call enableShutdownHooks() of the application`);
  };
  return setTimeout(check, CHECK_MILLIS).unref();
}
