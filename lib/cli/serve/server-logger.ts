import { ConsoleLogger, type Logger, type LogLevel } from '../../platform/index.js';
import type { FlagValues } from '../flags/flag.js';

export function serverLogger(values: FlagValues): Logger {
  return new ConsoleLogger(values.get('log-level') as LogLevel | undefined);
}
