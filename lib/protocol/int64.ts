const TWO_32 = 0x1_0000_0000;

/**
 * Big-endian integers by plain byte stores: they inline, where Buffer's methods check their arguments on every call.
 * Nothing here checks bounds (a typed array ignores stores beyond its end); callers check the room once per record.
 */
export function writeInt32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/** Any safe integer, in two's complement, without BigInt. */
export function writeInt64(target: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  writeInt32(target, at, high);
  writeInt32(target, at + 4, value - high * TWO_32);
}

export function writeInt16(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 8;
  target[at + 1] = value;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Exact for safe integers; beyond them the nearest number, as hostile bytes may hold anything. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * TWO_32 + (readInt32(bytes, at + 4) >>> 0);
}

export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
