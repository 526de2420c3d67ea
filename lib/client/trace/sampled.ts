const RANGE = 0x1_0000_0000;

/** Whether a message is one of the share that is traced. By its id: sender and receivers of all processes agree. */
export function isSampled(messageId: string, share: number): boolean {
  if (share >= 1) return true;
  let hash = 0x811c9dc5;
  for (let at = 0; at < messageId.length; at++) hash = Math.imul(hash ^ messageId.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / RANGE < share;
}
