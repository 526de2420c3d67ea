import { check, defined, duration, type Rules, whole } from './rules.js';

/** When the producers of a transaction that does not end are asked about it. */
export interface TransactionSetting {
  /** How long it may take before they are asked. Default 6,000 ms. */
  timeoutMillis?: number;
  /** Between two checks. Default 30,000 ms. */
  checkIntervalMillis?: number;
  /** Checks after which it becomes a dead letter. Default 15. */
  checkMax?: number;
}

const TRANSACTION_RULES: Rules<TransactionSetting> = {
  timeoutMillis: duration,
  checkIntervalMillis: duration,
  checkMax: [(value) => whole(value, 1, 1_000_000), 'a whole number above 0'],
};

export function resolveTransactions(setting: TransactionSetting | undefined): TransactionSetting | undefined {
  if (setting === undefined) return undefined;
  check('broker.transactions', setting, TRANSACTION_RULES);
  return defined(setting);
}
