import type { RetentionOptions } from '../../store/index.js';
import { duration, flag, type Rules, check } from './rules.js';

const DEFAULT_RETENTION = 72 * 3_600_000;

const RETENTION_RULES: Rules<RetentionOptions> = {
  ageMillis: duration,
  deadLetterAgeMillis: duration,
  inactiveGroupMillis: duration,
  strict: flag,
  checkMillis: duration,
};

/** Checks the setting and says for how long messages are kept, in milliseconds. */
export function keptMillis(retention: RetentionOptions | undefined): number {
  if (retention !== undefined) check('broker.retention', retention, RETENTION_RULES);
  return retention?.ageMillis ?? DEFAULT_RETENTION;
}
