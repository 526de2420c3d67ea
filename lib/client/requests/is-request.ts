import { getProperty, PropertyName } from '../../protocol/index.js';

const { CORRELATION_ID, MESSAGE_TYPE, REPLY_TO_CLIENT } = PropertyName;
const MARK = `${REPLY_TO_CLIENT}\x01`;
/** Apache's broker stores replies, with all that makes a request, in a topic that can be listened to. */
const REPLY = 'reply';

/** Whether the sender waits for a reply. A scan of the text comes first, since every message is asked. */
export function isRequest(properties: string): boolean {
  if (!properties.includes(MARK)) return false;
  if (getProperty(properties, MESSAGE_TYPE) === REPLY) return false;
  return (
    getProperty(properties, REPLY_TO_CLIENT) !== undefined && getProperty(properties, CORRELATION_ID) !== undefined
  );
}
