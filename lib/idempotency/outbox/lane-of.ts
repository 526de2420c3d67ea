import { OUTBOX_LANES } from './outbox-lanes.js';

/**
 * The lane of a row. FNV-1a over UTF-16 units, written out here because it is stored: what hashes otherwise in a later version
 * would put rows of one key into two lanes while both versions run.
 */
export function laneOf(topic: string, orderKey: string | undefined, id: string): number {
  return orderKey === undefined ? hash(id) % OUTBOX_LANES : hash(`${topic}\n${orderKey}`) % OUTBOX_LANES;
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  // The low bits of FNV alone depend on the low bits of the characters alone.
  value ^= value >>> 15;
  return value >>> 0;
}
