import type { Logger } from './logger.js';

const nothing = (): void => {};

/** Says nothing. */
export const silentLogger: Logger = { error: nothing, warn: nothing, log: nothing, debug: nothing, verbose: nothing };
