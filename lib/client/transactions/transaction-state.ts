/** What became of a local transaction. */
export const TransactionState = {
  /** The message is for its consumers. */
  COMMIT: 'COMMIT',
  /** Nobody will ever see the message. */
  ROLLBACK: 'ROLLBACK',
  /** Not known yet: the broker asks again. */
  UNKNOWN: 'UNKNOWN',
} as const;

export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState];
