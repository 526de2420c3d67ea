import { defineHeader, flag, int, long, optionalText, text } from './schema.js';

/** END_TRANSACTION: what became of a half message. */
export interface EndTransactionRequestHeader {
  producerGroup: string;
  /** Queue offset of the half message. */
  tranStateTableOffset: number;
  /** Physical offset of the half message in the commit log. */
  commitLogOffset: number;
  /** TRANSACTION_COMMIT, TRANSACTION_ROLLBACK of `SysFlag`, or 0: not known yet. */
  commitOrRollback: number;
  /** It answers a check. */
  fromTransactionCheck: boolean;
  msgId: string;
  transactionId?: string;
  topic?: string;
}

export const endTransaction = defineHeader<EndTransactionRequestHeader>({
  producerGroup: text,
  tranStateTableOffset: long,
  commitLogOffset: long,
  commitOrRollback: int,
  fromTransactionCheck: flag,
  msgId: text,
  transactionId: optionalText,
  topic: optionalText,
});

/** CHECK_TRANSACTION_STATE, from broker to producer; the body is the half message with its real topic and queue. */
export interface CheckTransactionStateRequestHeader {
  tranStateTableOffset: number;
  commitLogOffset: number;
  msgId?: string;
  transactionId?: string;
  offsetMsgId?: string;
  topic?: string;
}

export const checkTransactionState = defineHeader<CheckTransactionStateRequestHeader>({
  tranStateTableOffset: long,
  commitLogOffset: long,
  msgId: optionalText,
  transactionId: optionalText,
  offsetMsgId: optionalText,
  topic: optionalText,
});
