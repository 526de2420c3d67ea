import type { Flag } from './flag.js';
import { oneOf } from './values.js';

/** What every command that runs until it is stopped takes, beside its settings. */
export const PROCESS_FLAGS: readonly Flag[] = [
  {
    name: 'config',
    value: 'file.json',
    env: 'NESTMQ_CONFIG',
    help: 'file of settings; flags and variables of the environment go before it',
  },
  {
    name: 'log-level',
    value: 'level',
    parse: oneOf('error', 'warn', 'log', 'debug', 'verbose'),
    env: 'NESTMQ_LOG_LEVEL',
    help: 'error, warn, log, debug or verbose; default log',
  },
];
