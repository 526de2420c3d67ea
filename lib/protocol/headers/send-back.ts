import { ExtensionField } from '../extensions.js';
import { defineHeader, int, long, optionalInt, optionalText, text } from './schema.js';

/** CONSUMER_SEND_MSG_BACK: the group could not handle the message; retry it later, or make it a dead letter. */
export interface ConsumerSendMsgBackRequestHeader {
  /** Physical offset in the commit log of the broker that stored the message. */
  offset: number;
  group: string;
  /** Above 0: that level; 0: the broker decides; below 0: dead letter. */
  delayLevel: number;
  originMsgId?: string;
  originTopic?: string;
  unitMode?: boolean;
  maxReconsumeTimes?: number;
  /** Extension: milliseconds until the retry; overrules `delayLevel` unless that is below 0. */
  retryDelayMs?: number;
  /** Extension: JSON, see `ExtensionField.REASON`. */
  reason?: string;
}

export const consumerSendMsgBack = defineHeader<ConsumerSendMsgBackRequestHeader>({
  offset: long,
  group: text,
  delayLevel: int,
  originMsgId: optionalText,
  originTopic: optionalText,
  unitMode: { kind: 'flag', required: false, fallback: false },
  maxReconsumeTimes: optionalInt,
  retryDelayMs: { kind: 'long', required: false, wire: ExtensionField.RETRY_DELAY_MS },
  reason: { kind: 'text', required: false, wire: ExtensionField.REASON },
});
