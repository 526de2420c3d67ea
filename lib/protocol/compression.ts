import { SysFlag } from './sys-flag.js';

export type CompressionType = 'zlib' | 'lz4' | 'zstd';

const TYPE_MASK = 0x700;

export function isCompressed(sysFlag: number): boolean {
  return (sysFlag & SysFlag.COMPRESSED) !== 0;
}

/**
 * How the body is compressed, if it is. Old clients and Go set bit 0 only, which means zlib.
 * Undefined for a type that RocketMQ does not define: such a body cannot be read.
 */
export function compressionType(sysFlag: number): CompressionType | undefined {
  switch (sysFlag & TYPE_MASK) {
    case 0:
    case SysFlag.COMPRESSION_ZLIB:
      return 'zlib';
    case SysFlag.COMPRESSION_LZ4:
      return 'lz4';
    case SysFlag.COMPRESSION_ZSTD:
      return 'zstd';
    default:
      return undefined;
  }
}

/** Marks the body as a zlib stream, in the way that every client line understands. */
export function withZlibCompression(sysFlag: number): number {
  return (sysFlag & ~TYPE_MASK) | SysFlag.COMPRESSED | SysFlag.COMPRESSION_ZLIB;
}

export function withoutCompression(sysFlag: number): number {
  return sysFlag & ~(TYPE_MASK | SysFlag.COMPRESSED);
}
