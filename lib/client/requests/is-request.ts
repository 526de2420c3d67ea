import { PropertyName } from '../../protocol/index.js';

const MARK = `${PropertyName.REPLY_TO_CLIENT}\x01`;

/** Whether the sender waits for a reply. A scan of the text, since every message is asked. */
export function isRequest(properties: string): boolean {
  return properties.includes(MARK);
}
