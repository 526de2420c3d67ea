/** FNV-1a from a seed, with a last mixing: the low bits alone choose the slot. */
export function seededHash(seed: number): (bytes: Buffer, length: number) => number {
  return (bytes, length) => {
    let hash = seed ^ 0x811c9dc5;
    for (let at = 0; at < length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  };
}
